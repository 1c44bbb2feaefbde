/** @import { Way } from "../../media/blockage.js" */
/** @import { CheckResult } from "../../media/check/check.js" */
/** @import { Key } from "../../words/say.js" */
import { WAYS } from "../../media/check/check.js";
import { bitrate, percent, say } from "../../words.js";

/** Bits a second that video in high and in standard quality takes, with some to spare. */
const GOOD = 1_800_000;
const FAIR = 800_000;
/** A share of packets whose loss one hears and sees. */
const LOSSY = 0.03;

/** @typedef {"works" | "fails" | "unknown"} Mark */
/** @typedef {{label: string, words: string, mark: Mark}} Row */

/** @type {Record<Way, Key>} */
const WAY_LABELS = { udp: "check.udp", tcp: "check.tcp", relay: "check.relay" };

/**
 * What was found out, line by line.
 *
 * @param {CheckResult} result
 * @returns {Row[]}
 */
export function rows({ server, ways, bandwidth }) {
  const found = [];
  if (server !== null) found.push({ label: say("check.server"), words: works(server), mark: "works" });
  for (const way of WAYS) {
    const one = ways[way];
    const label = say(WAY_LABELS[way]);
    if (one?.is === "works") found.push({ label, words: works(one.milliseconds), mark: "works" });
    else if (one?.is === "fails") found.push({ label, words: say("check.fails"), mark: "fails" });
    else if (one) found.push({ label, words: say("check.none"), mark: "unknown" });
  }
  if (bandwidth) {
    const { up, down, lossUp, lossDown, roundTrip } = bandwidth;
    found.push({ label: say("check.upload"), words: flow(up, lossUp), mark: up < FAIR ? "fails" : "works" });
    found.push({ label: say("check.download"), words: flow(down, lossDown), mark: down < FAIR ? "fails" : "works" });
    if (!Number.isNaN(roundTrip)) {
      const words = say("quality.delay", { milliseconds: Math.round(roundTrip) });
      found.push({ label: say("check.delay"), words, mark: "works" });
    }
  }
  return /** @type {Row[]} */ (found);
}

/** @param {number} milliseconds */
function works(milliseconds) {
  return say("check.works", { milliseconds: Math.round(milliseconds) });
}

/**
 * @param {number} bits
 * @param {number} loss
 */
function flow(bits, loss) {
  const lost = loss > 0.005 ? say("quality.lost", { percent: percent(Math.round(loss * 100) / 100) }) : "";
  return [bitrate(bits), lost].filter(Boolean).join(" · ");
}

/**
 * What it means, and what to do.
 *
 * @param {CheckResult} result
 * @returns {string[]} sentences
 */
export function verdict({ ways, bandwidth }) {
  if (!bandwidth) return blocked(ways);
  const least = Math.min(bandwidth.up, bandwidth.down);
  const sentences = [say(least >= GOOD ? "check.good" : least >= FAIR ? "check.fair" : "check.poor")];
  if (Math.max(bandwidth.lossUp || 0, bandwidth.lossDown || 0) > LOSSY) sentences.push(say("check.lossy"));
  if (ways.udp?.is === "fails") sentences.push(say("check.detour"));
  return sentences;
}

/** @param {CheckResult["ways"]} ways */
function blocked(ways) {
  const hasTurn = ways.relay?.is !== "none";
  return [
    say("blocked.noWayToServer"),
    say("blocked.vpn"),
    say("blocked.udp"),
    say(hasTurn ? "blocked.turn" : "blocked.noTurn"),
  ];
}
