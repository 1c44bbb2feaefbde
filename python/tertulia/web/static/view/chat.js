/** @import { Meeting } from "../meeting.js" */
/** @import { ChatMessage } from "../protocol/types.js" */
/** @import { Item } from "./chat_message.js" */
import { say, seen } from "../words.js";
import { chatMessage } from "./chat_message.js";
import { h, label } from "./dom.js";
import { icon } from "./icons.js";
import { MessageMenu } from "./message_menu.js";
import { Outbox } from "./outbox.js";
import { panel } from "./panel.js";
import { Recipient } from "./recipient.js";

/** Messages that a person sends within this time are grouped under one name. */
const GROUP_MS = 120_000;

/** The chat panel. */
export class Chat {
  #meeting;
  /** @type {Map<string, Item>} by the id of the message */
  #items = new Map();
  #list = h("ol");
  #outbox;
  #scroller;
  #empty = h("p", { class: "empty" }, say("chat.empty"));
  #input;
  #form;
  #menu;
  #recipient;

  /**
   * @param {Meeting} meeting
   * @param {() => void} onClose
   */
  constructor(meeting, onClose) {
    this.#meeting = meeting;
    this.#outbox = new Outbox(meeting, { onChange: () => this.#show(), onLeft: () => this.#input.focus() });
    const look = { class: "messages", role: "log", tabIndex: 0, "aria-label": say("chat.messages") };
    this.#scroller = h("div", look, this.#list, this.#outbox.element);
    this.#menu = new MessageMenu(meeting, (userId) => this.writeTo(userId));
    this.#recipient = new Recipient(meeting, () => this.#address());
    this.#input = h("textarea", {
      rows: 1,
      maxLength: 4000,
      "aria-label": say("chat.field"),
      onkeydown: this.#onKey,
      oninput: this.#grow,
    });
    const send = h("button", { type: "submit", class: "send" }, icon("send"));
    label(send, say("chat.send"));
    this.#form = h(
      "form",
      { class: "compose", onsubmit: this.#onSubmit },
      this.#recipient.element,
      h("div", { class: "compose-row" }, this.#input, send),
    );
    this.element = panel(
      "chat",
      { title: say("chat.title"), close: say("chat.close"), onClose },
      this.#empty,
      this.#scroller,
      this.#form,
      this.#menu.element,
    );
    this.#address();
    this.#show();
  }

  /** Follows what is written. */
  listen() {
    const { chat } = this.#meeting;
    return [
      chat.on("changed", () => this.#show()),
      chat.on("reacted", (message) => this.#items.get(message.id)?.update(message)),
    ];
  }

  /** Puts the cursor into the field, and shows the newest message. */
  focus() {
    this.#input.focus();
    this.showNewest();
  }

  /** Scrolls to the end. */
  showNewest() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Lists who can be written to; to be called when people come and go, and when it changes who may write. */
  update() {
    this.#recipient.update();
    this.#address();
  }

  /** @param {string} userId to whom the next message goes */
  writeTo(userId) {
    if (this.#recipient.choose(userId)) this.#input.focus();
  }

  #address() {
    const { userId, name } = this.#recipient;
    const mayWrite = this.#meeting.may("chat") || this.#meeting.roster.get(userId)?.role === "host";
    this.#input.disabled = !mayWrite;
    const everyone = say(mayWrite ? "chat.placeholder" : "may.notChat");
    this.#input.placeholder = seen(userId && mayWrite ? say("chat.placeholderPrivate", { name }) : everyone);
    this.#form.classList.toggle("is-private", userId !== "");
  }

  /** Brings the list up to date: what is there stays, so that screen readers hear only what is new. */
  #show() {
    const messages = this.#meeting.chat.all;
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const nearEnd = scrollHeight - scrollTop - clientHeight < 80;
    const known = new Set(messages.map(({ id }) => id));
    for (const [id, { element }] of this.#items) {
      if (known.has(id)) continue;
      element.remove();
      this.#items.delete(id);
    }
    for (const [i, message] of messages.entries()) this.#place(message, messages[i - 1], i);
    this.#outbox.update();
    this.#empty.hidden = messages.length > 0 || !this.#outbox.isEmpty;
    if (nearEnd || messages.at(-1)?.userId === this.#meeting.userId) this.showNewest();
  }

  /**
   * @param {ChatMessage} message
   * @param {ChatMessage | undefined} before
   * @param {number} i its place in the list
   */
  #place(message, before, i) {
    const found = this.#items.get(message.id);
    const item = found ?? chatMessage(this.#meeting, message, this.#menu);
    this.#items.set(message.id, item);
    if (found) item.update(message);
    if (this.#list.children[i] !== item.element) this.#list.insertBefore(item.element, this.#list.children[i] ?? null);
    item.element.classList.toggle("grouped", before !== undefined && isGrouped(message, before));
  }

  /** @param {Event} event */
  #onSubmit = (event) => {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text) return;
    this.#write("");
    this.#outbox.send(text, this.#recipient.userId);
    this.showNewest();
  };

  /** @param {KeyboardEvent} event */
  #onKey = (event) => {
    // 229: in Safari the Enter that confirms a composition comes after its end.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    if (!event.repeat) this.#form.requestSubmit();
  };

  /** @param {string} text */
  #write(text) {
    this.#input.value = text;
    this.#grow();
  }

  #grow = () => {
    this.#input.style.height = "auto";
    this.#input.style.height = `${Math.min(140, this.#input.scrollHeight)}px`;
  };
}

/**
 * Whether a message stands under the name of the one before.
 *
 * @param {ChatMessage} message
 * @param {ChatMessage} before
 */
function isGrouped(message, before) {
  const isSame = message.userId === before.userId && message.targetUserId === before.targetUserId;
  return isSame && Date.parse(message.sentAt) - Date.parse(before.sentAt) < GROUP_MS;
}
