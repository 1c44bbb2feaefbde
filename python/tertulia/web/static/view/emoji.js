import { say } from "../words.js";
import { h } from "./dom.js";
import { walkAlong } from "./menu.js";

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
    { class: "emoji-row", role: "group", "aria-label": say("reaction.title"), onkeydown: walkAlong },
    ...buttons,
  );
}
