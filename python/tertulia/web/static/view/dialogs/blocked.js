/** @import { Blockage, Way } from "../../media/blockage.js" */
/** @import { Key } from "../../words/say.js" */
import { listOf, say } from "../../words.js";
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { matterOf } from "../trouble.js";

/** @type {Record<NonNullable<Blockage["cause"]>, Key>} */
const REMEDIES = { encryption: "blocked.browser", unanswered: "blocked.wait" };

/**
 * Says what was tried, what is the matter, and what to do.
 *
 * @param {Blockage} blockage
 * @param {(userId: string) => string} nameOf
 * @returns {{tried: string, matter: string, advice: string[]}}
 */
export function explainBlockage(blockage, nameOf) {
  const { tried, hasTurn, cause } = blockage;
  const matter = matterOf(blockage, nameOf);
  if (cause) return { tried: "", matter, advice: [say(REMEDIES[cause]), say("blocked.operator")] };
  const advice = [say("blocked.vpn"), say("blocked.udp"), say(hasTurn ? "blocked.turn" : "blocked.noTurn")];
  const ways = listOf(tried.map(wayWords));
  return { tried: ways ? say("blocked.tried", { ways }) : say("blocked.nothingTried"), matter, advice };
}

/**
 * @param {Way} way
 * @returns {string}
 */
function wayWords(way) {
  return way === "relay" ? say("blocked.relay") : way.toUpperCase();
}

/**
 * Shows it.
 *
 * @param {Blockage} blockage
 * @param {(userId: string) => string} nameOf
 */
export function blockedDialog(blockage, nameOf) {
  const { tried, matter, advice } = explainBlockage(blockage, nameOf);
  openDialog(
    say("blocked.title"),
    h("p", { class: "lead" }, matter, " ", tried),
    h("ul", { class: "consequences" }, ...advice.map((words) => h("li", {}, words))),
  );
}
