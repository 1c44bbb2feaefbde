import { say } from "../words.js";
import { linkDialog } from "./dialog.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { fail, notice } from "./notices.js";

/**
 * Copies a link that others can join by, or shows it where the page may not copy.
 *
 * @param {Promise<string>} link
 */
export async function copyInvite(link) {
  try {
    // Not writeText: by the time the link has come, the click may be too long ago to allow it.
    const text = link.then((words) => new Blob([words], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
    notice(say("invite.copied"), { topic: "invite" });
  } catch {
    await link.then(linkDialog, fail);
  }
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
