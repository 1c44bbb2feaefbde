import { say } from "../words.js";
import { copyText } from "./copying.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * Copies a link that others can join by, or shows it where the page may not copy.
 *
 * @param {Promise<string>} link
 */
export async function copyInvite(link) {
  await copyText(link, { title: say("invite.link"), done: say("invite.copied"), topic: "invite" });
}

/**
 * What someone sees who is alone in a meeting.
 *
 * @param {() => void} onInvite
 */
export function aloneCard(onInvite) {
  return h(
    "div",
    { class: "alone" },
    h("h2", {}, say("invite.alone")),
    h("p", { class: "invite" }, say("invite.aloneLead")),
    h("button", { type: "button", class: "primary invite", onclick: onInvite }, icon("link"), say("invite.copy")),
  );
}
