/** @import { Meeting } from "../meeting.js" */
/** @import { ChatMessage } from "../protocol/types.js" */
import { listOf, say, timeOfDay } from "../words.js";
import { fill, h, initials, label, tint } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { icon } from "./icons.js";
import { linked } from "./linked.js";
import { grouped } from "./reactions.js";

/**
 * One message in the list.
 *
 * @typedef {object} Item
 * @property {HTMLLIElement} element
 * @property {(message: ChatMessage) => void} update shows its reactions
 */

/**
 * @param {Meeting} meeting
 * @param {ChatMessage} message
 * @param {{open: (button: HTMLElement, message: ChatMessage) => void, react: (message: ChatMessage, emoji: string) => void}} menu
 * @returns {Item}
 */
export function chatMessage(meeting, message, menu) {
  let shown = message;
  const isOwn = message.userId === meeting.userId;
  const name = meeting.roster.get(message.userId)?.displayName ?? message.displayName;
  const head = h(
    "div",
    { class: "message-head" },
    h("b", {}, isOwn ? say("chat.you") : h("bdi", {}, name)),
    message.private ? h("span", { class: "private" }, privacy(meeting, message)) : null,
    h("time", { dateTime: message.sentAt }, timeOfDay(Date.parse(message.sentAt))),
  );
  const text = h("p", { dir: "auto" });
  text.append(...linked(message.text));
  const reactions = h("div", { class: "message-reactions" });
  const more = h("button", { type: "button", class: "quiet message-more" }, icon("smile"));
  more.onclick = () => menu.open(more, shown);
  label(more, say("chat.actions"));
  const face = h("span", { class: `face ${tint(message.userId)}`, "aria-hidden": "true" }, initials(name));
  const element = h("li", {}, face, h("div", {}, head, text, reactions), more);
  const update = (/** @type {ChatMessage} */ now) => {
    shown = now;
    const chips = grouped(now.reactions ?? {}, EMOJI).map(([emoji, userIds]) => {
      const chip = h("button", { type: "button", class: "reaction", onclick: () => menu.react(shown, emoji) });
      fill(chip, emoji, h("span", {}, say("chat.reactionCount", { number: userIds.length })));
      chip.setAttribute("aria-pressed", String(userIds.includes(meeting.userId)));
      const people = names(meeting, userIds);
      label(chip, say("chat.reaction", { emoji, names: people }));
      return chip;
    });
    fill(reactions, ...chips);
  };
  update(message);
  return { element, update };
}

/**
 * @param {Meeting} meeting
 * @param {ChatMessage} message
 */
function privacy({ roster, userId }, message) {
  if (message.userId !== userId) return say("chat.privately");
  const name = roster.get(message.targetUserId ?? "")?.displayName ?? say("meeting.someone");
  return say("chat.privatelyTo", { name });
}

/**
 * @param {Meeting} meeting
 * @param {string[]} userIds
 */
function names({ roster, userId }, userIds) {
  const nameOf = (/** @type {string} */ id) => roster.get(id)?.displayName ?? say("meeting.someone");
  return listOf(userIds.map((id) => (id === userId ? say("chat.you") : nameOf(id))));
}
