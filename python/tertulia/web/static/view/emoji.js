import { say } from "../words.js";
import { h } from "./dom.js";

/** What people can react with: the server takes no other. Each is read out by its name in the listener's language. */
export const EMOJI = ["👍", "👎", "❤️", "😂", "😮", "😢", "🎉", "👏"];

/**
 * A row of buttons to react with.
 *
 * @param {(emoji: string) => void} act
 * @param {string} [chosen] the one that is chosen now
 */
export function emojiRow(act, chosen = "") {
  const buttons = EMOJI.map((emoji) => {
    const isChosen = emoji === chosen;
    return h("button", { type: "button", "aria-pressed": String(isChosen), onclick: () => act(emoji) }, emoji);
  });
  return h(
    "div",
    { class: "emoji-row", role: "group", "aria-label": say("reaction.title"), onkeydown: walk },
    ...buttons,
  );
}

/** @param {KeyboardEvent} event */
function walk(event) {
  const row = /** @type {HTMLElement} */ (event.currentTarget);
  const buttons = [...row.querySelectorAll("button")];
  const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  const forward = getComputedStyle(row).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const backward = forward === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
  const next = { [forward]: (at + 1) % buttons.length, [backward]: at - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  buttons.at(next)?.focus();
}
