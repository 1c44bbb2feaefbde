/** @import { Meeting } from "../meeting.js" */
import { listOf, say } from "../words.js";
import { h, label } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { grouped } from "./reactions.js";

/**
 * How people have reacted to a message, as buttons that react in the same way. A button stays while anybody has reacted
 * so: who is on it stays there, and is not told of it again.
 *
 * @param {Meeting} meeting
 * @param {object} actions
 * @param {(emoji: string) => void} actions.onReact
 * @param {() => void} actions.onLeft the button that had the focus is gone
 * @returns {{element: HTMLElement, update: (reactions: Record<string, string>) => void}} `reactions`: userId → emoji
 */
export function reactionChips(meeting, { onReact, onLeft }) {
  const element = h("div", { class: "message-reactions" });
  /** @type {Map<string, Chip>} by emoji */
  const chips = new Map();
  const update = (/** @type {Record<string, string>} */ reactions) => {
    const groups = grouped(reactions, EMOJI);
    const hadFocus = element.contains(document.activeElement);
    for (const [emoji, chip] of chips) {
      if (groups.some(([shown]) => shown === emoji)) continue;
      chip.element.remove();
      chips.delete(emoji);
    }
    for (const [place, [emoji, userIds]] of groups.entries()) {
      const chip = chips.get(emoji) ?? newChip(emoji, () => onReact(emoji));
      chips.set(emoji, chip);
      chip.show(meeting, userIds);
      const there = element.children[place] ?? null;
      if (there !== chip.element) element.insertBefore(chip.element, there);
    }
    if (hadFocus && !element.contains(document.activeElement)) onLeft();
  };
  return { element, update };
}

/**
 * @typedef {object} Chip
 * @property {HTMLElement} element
 * @property {(meeting: Meeting, userIds: string[]) => void} show who has reacted so
 *
 * @param {string} emoji
 * @param {() => void} onclick
 * @returns {Chip}
 */
function newChip(emoji, onclick) {
  const count = h("span", {});
  const element = h("button", { type: "button", class: "reaction", onclick }, emoji, " ", count);
  const show = (/** @type {Meeting} */ meeting, /** @type {string[]} */ userIds) => {
    const number = userIds.length;
    const words = say("chat.reactionCount", { number });
    if (count.textContent !== words) count.textContent = words;
    element.setAttribute("aria-pressed", String(userIds.includes(meeting.userId)));
    const people = names(meeting, userIds);
    // What is seen comes first in what is heard, and said to press it (WCAG 2.5.3).
    label(element, say("chat.reaction", { emoji, number, names: people }));
  };
  return { element, show };
}

/**
 * @param {Meeting} meeting
 * @param {string[]} userIds
 */
function names({ roster, userId }, userIds) {
  const nameOf = (/** @type {string} */ id) => roster.get(id)?.displayName ?? say("meeting.someone");
  return listOf(userIds.map((id) => (id === userId ? say("chat.you") : nameOf(id))));
}
