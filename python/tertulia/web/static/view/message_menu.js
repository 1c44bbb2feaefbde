/** @import { Meeting } from "../meeting.js" */
/** @import { ChatMessage } from "../protocol/types.js" */
import { say } from "../words.js";
import { copyText } from "./copying.js";
import { fill, h } from "./dom.js";
import { emojiRow } from "./emoji.js";
import { icon } from "./icons.js";
import { walkThrough } from "./menu.js";
import { fail } from "./notices.js";
import { keepAt } from "./popover.js";

/** What one can do with a chat message: react to it, copy it, write to its author privately. */
export class MessageMenu {
  #meeting;
  #writeTo;

  /**
   * @param {Meeting} meeting
   * @param {(userId: string) => void} writeTo
   */
  constructor(meeting, writeTo) {
    this.#meeting = meeting;
    this.#writeTo = writeTo;
    const onkeydown = (/** @type {KeyboardEvent} */ event) => walkThrough(stops(this.element), event);
    this.element = h("div", { class: "menu message-menu", popover: "auto", onkeydown });
  }

  /**
   * @param {HTMLElement} button
   * @param {ChatMessage} message
   */
  open(button, message) {
    const { roster, userId } = this.#meeting;
    const mine = message.reactions?.[userId] ?? "";
    const author = message.userId === userId ? undefined : roster.get(message.userId);
    const name = author?.displayName ?? "";
    const then = (/** @type {() => void} */ act) => () => {
      this.element.hidePopover();
      act();
    };
    fill(
      this.element,
      emojiRow((emoji) => then(() => this.react(message, emoji))(), mine),
      item(
        "copy",
        say("chat.copy"),
        then(() => void copyText(message.text, { title: say("chat.copy"), done: say("chat.copied"), topic: "copy" })),
      ),
      ...(author
        ? [
            item(
              "lock",
              say("chat.writeTo", { name }),
              then(() => this.#writeTo(author.userId)),
            ),
          ]
        : []),
    );
    this.element.showPopover();
    keepAt(this.element, () => button);
    this.element.querySelector("button")?.focus();
  }

  /**
   * Reacts; with what one has reacted with already, takes it back.
   *
   * @param {ChatMessage} message
   * @param {string} emoji
   */
  react(message, emoji) {
    const isMine = message.reactions?.[this.#meeting.userId] === emoji;
    this.#meeting.reactTo(message.id, isMine ? null : emoji).catch(fail);
  }
}

/**
 * What up and down walk through: the row of emoji is one of them.
 *
 * @param {HTMLElement} menu
 * @returns {HTMLElement[]}
 */
function stops(menu) {
  const buttons = [...menu.querySelectorAll("button")];
  const inRow = buttons.filter((button) => button.closest(".emoji-row"));
  const ofRow = inRow.find((button) => button === document.activeElement) ?? inRow[0];
  return buttons.filter((button) => button === ofRow || !inRow.includes(button));
}

/**
 * @param {import("./icons.js").IconName} name
 * @param {string} words
 * @param {() => void} onclick
 */
function item(name, words, onclick) {
  return h("button", { type: "button", onclick }, icon(name), h("span", {}, words));
}
