/** @import { Blockage, Way } from "../media/blockage.js" */
import { openDialog } from "./dialogs.js";
import { h, isolated, sentence } from "./dom.js";

/** @type {Record<Way, string>} */
const WAYS = { udp: "UDP", tcp: "TCP", relay: "a TURN relay" };

/**
 * Says in one line that no media flows.
 *
 * @param {Blockage} blockage
 * @returns {string}
 */
export function blockedBanner({ userIds }) {
  return userIds.length ? "No sound or video for some people" : "No sound or video gets through";
}

/**
 * Says what was tried, what is the matter, and what to do.
 *
 * @param {Blockage} blockage
 * @param {(userId: string) => string} nameOf
 * @returns {{tried: string, matter: string, advice: string[]}}
 */
export function explainBlockage({ tried, hasTurn, userIds }, nameOf) {
  const ways = tried.map((way) => WAYS[way]);
  const names = userIds.map((userId) => isolated(nameOf(userId)));
  const list = new Intl.ListFormat("en", { type: "conjunction" });
  const whom = names.length ? `between you and ${list.format(names)}` : "between you and the media server";
  const advice = [
    "Turn off a VPN, or use another network, such as your phone’s hot spot.",
    "In an office or a school, ask for UDP to be allowed.",
    hasTurn
      ? "If that does not help, tell whoever runs this server that its TURN server cannot be reached, either."
      : "If that does not help, tell whoever runs this server: it has no TURN server, which would find another way.",
  ];
  if (ways.length) return { tried: `Tried: ${list.format(ways)}.`, matter: `Nothing gets through ${whom}.`, advice };
  return { tried: "Nothing could be tried.", matter: `Your browser found no way to send anything ${whom}.`, advice };
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
    "No sound or video",
    h("p", { class: "lead" }, ...sentence(matter), " ", tried),
    h("ul", { class: "consequences" }, ...advice.map((words) => h("li", {}, words))),
  );
}
