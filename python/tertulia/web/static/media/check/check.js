/** @import { Way } from "../blockage.js" */
/** @import { Bandwidth } from "./bandwidth.js" */
import { measure } from "./bandwidth.js";
import { Visitor } from "./visitor.js";

/** @type {Way[]} the best one first */
export const WAYS = ["udp", "tcp", "relay"];

/**
 * @typedef {{is: "works", milliseconds: number} | {is: "fails"} | {is: "none"}} WayResult none: not on this server
 *
 * @typedef {object} CheckResult What is known so far.
 * @property {number | null} server milliseconds until we were in the room
 * @property {Partial<Record<Way, WayResult>>} ways
 * @property {Bandwidth | null} bandwidth null: not measured
 */

/**
 * Tests our connection in a room made for that: each way by which media may go, then how much the best one takes.
 *
 * @param {{roomId: string, tokens: string[], iceServers: RTCIceServer[], wsUrl: string}} room
 * @param {MediaStreamTrack} track to be sent, as {@link measure} wants it
 * @param {(result: CheckResult) => void} onResult called with each thing that is found out
 * @returns {Promise<CheckResult>}
 * @throws {import("../../protocol.js").TertuliaError} the server does not answer
 */
export async function check({ roomId, tokens, iceServers, wsUrl }, track, onResult) {
  /** @type {CheckResult} */
  const result = { server: null, ways: {}, bandwidth: null };
  const [sender, receiver] = tokens.map((token) => new Visitor({ roomId, token, wsUrl, iceServers }));
  if (!sender || !receiver) throw new Error("a test takes two");
  try {
    result.server = await sender.join();
    onResult(result);
    for (const way of WAYS) {
      result.ways[way] = await tryWay(sender, way);
      onResult(result);
    }
    const best = WAYS.find((way) => result.ways[way]?.is === "works");
    if (best) {
      await receiver.join();
      result.bandwidth = await measure(track, sender, receiver, best);
      onResult(result);
    }
    return result;
  } finally {
    sender.leave();
    receiver.leave();
  }
}

/**
 * @param {Visitor} visitor
 * @param {Way} way
 * @returns {Promise<WayResult>}
 */
async function tryWay(visitor, way) {
  const connected = await visitor.connect(way, (pc) => pc.addTransceiver("audio", { direction: "recvonly" }));
  if (typeof connected === "string") return { is: connected };
  connected.pc.close();
  return { is: "works", milliseconds: connected.milliseconds };
}
