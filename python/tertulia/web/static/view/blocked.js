/** @import { Blockage, Way } from "../media/blockage.js" */
import { listOf, say } from "../words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";

/**
 * Says in one line that no media flows.
 *
 * @param {Blockage} blockage
 * @returns {string}
 */
export function blockedBanner({ userIds }) {
  return say(userIds.length ? "blocked.some" : "blocked.everyone");
}

/**
 * Says what was tried, what is the matter, and what to do.
 *
 * @param {Blockage} blockage
 * @param {(userId: string) => string} nameOf
 * @returns {{tried: string, matter: string, advice: string[]}}
 */
export function explainBlockage({ tried, hasTurn, userIds, isEncryption = false }, nameOf) {
  if (isEncryption) {
    return { tried: "", matter: say("blocked.encryption"), advice: [say("blocked.browser"), say("blocked.operator")] };
  }
  const advice = [say("blocked.vpn"), say("blocked.udp"), say(hasTurn ? "blocked.turn" : "blocked.noTurn")];
  const names = listOf(userIds.map(nameOf));
  if (tried.length === 0) {
    const matter = names ? say("blocked.noWayToPeople", { names }) : say("blocked.noWayToServer");
    return { tried: say("blocked.nothingTried"), matter, advice };
  }
  const ways = listOf(tried.map(wayWords));
  const matter = names ? say("blocked.people", { names }) : say("blocked.server");
  return { tried: say("blocked.tried", { ways }), matter, advice };
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
