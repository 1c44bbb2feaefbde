/** @import { Meeting } from "../meeting.js" */
/** @import { ChatMessage } from "../protocol/types.js" */
import { say, timeOfDay } from "../words.js";
import { h, initials, label, tint } from "./dom.js";
import { icon } from "./icons.js";
import { linked } from "./linked.js";
import { reactionChips } from "./reaction_chips.js";

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
  const more = h("button", { type: "button", class: "quiet message-more" }, icon("smile"));
  more.onclick = () => menu.open(more, shown);
  label(more, say("chat.actions"));
  const reactions = reactionChips(meeting, {
    onReact: (emoji) => menu.react(shown, emoji),
    onLeft: () => more.focus(),
  });
  const face = h("span", { class: `face ${tint(message.userId)}`, "aria-hidden": "true" }, initials(name));
  const element = h("li", {}, face, h("div", {}, head, text, reactions.element), more);
  const update = (/** @type {ChatMessage} */ now) => {
    shown = now;
    reactions.update(now.reactions ?? {});
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
