/** @import { ChatMessage } from "../protocol/types.js" */
/** @import { Meeting } from "../meeting.js" */
import { say, timeOfDay } from "../words.js";
import { h, initials, tint } from "./dom.js";
import { icon } from "./icons.js";
import { panel } from "./panel.js";

/** Messages that a person sends within this time are grouped under one name. */
const GROUP_MS = 120_000;
/** Messages kept on the page; older ones are removed. */
const KEPT = 500;
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

/** The chat panel. */
export class Chat {
  #meeting;
  #list = h("ol");
  #scroller = h("div", { class: "messages", role: "log", tabIndex: 0, "aria-label": say("chat.messages") }, this.#list);
  #empty = h("p", { class: "empty" }, say("chat.empty"));
  #input;
  #form;
  /** @type {{userId: string, at: number, isPrivate: boolean} | null} */
  #last = null;

  /**
   * @param {Meeting} meeting
   * @param {() => void} onClose
   */
  constructor(meeting, onClose) {
    this.#meeting = meeting;
    this.#input = h("textarea", {
      rows: 1,
      maxLength: 4000,
      placeholder: say("chat.placeholder"),
      "aria-label": say("chat.field"),
      onkeydown: this.#onKey,
      oninput: this.#grow,
    });
    const send = h(
      "button",
      { type: "submit", class: "send", "aria-label": say("chat.send"), title: say("chat.send") },
      icon("send"),
    );
    this.#form = h("form", { class: "compose", onsubmit: this.#onSubmit }, this.#input, send);
    this.element = panel(
      "chat",
      { title: say("chat.title"), close: say("chat.close"), onClose },
      this.#empty,
      this.#scroller,
      this.#form,
    );
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

  /** @param {ChatMessage} message that was sent or received */
  add({ userId, displayName, text, sentAt, private: isPrivate = false }) {
    const at = Date.parse(sentAt) || Date.now();
    const isGrouped =
      this.#last?.userId === userId && at - this.#last.at < GROUP_MS && isPrivate === this.#last.isPrivate;
    const isOwn = userId === this.#meeting.userId;
    const name = this.#meeting.roster.get(userId)?.displayName ?? displayName;
    const head = h(
      "div",
      { class: "message-head" },
      h("b", {}, isOwn ? say("chat.you") : h("bdi", {}, name)),
      isPrivate ? h("span", { class: "private" }, say("chat.privately")) : null,
      h("time", { dateTime: sentAt }, timeOfDay(at)),
    );
    const face = h("span", { class: `face ${tint(userId)}`, "aria-hidden": "true" }, initials(name));
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const nearEnd = scrollHeight - scrollTop - clientHeight < 80;
    const item = h(
      "li",
      { class: isGrouped ? "grouped" : "" },
      isGrouped ? null : face,
      h("div", {}, isGrouped ? null : head, h("p", { dir: "auto" }, ...linked(text))),
    );
    this.#append(item, nearEnd || isOwn);
    this.#last = { userId, at, isPrivate };
  }

  /** @param {Event} event */
  #onSubmit = async (event) => {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text) return;
    this.#write("");
    await this.#send(text);
  };

  /** @param {string} text stays in the list until it is sent, with a button that tries again */
  async #send(text) {
    try {
      await this.#meeting.sendChat(text);
    } catch {
      const again = h("button", { type: "button", class: "text-button" }, say("chat.sendAgain"));
      const note = h("small", {}, say("chat.unsent"), " ", again);
      const unsent = h("li", { class: "unsent" }, h("div", {}, h("p", { dir: "auto" }, ...linked(text)), note));
      again.onclick = () => {
        unsent.remove();
        this.#input.focus();
        void this.#send(text);
      };
      this.#append(unsent, true);
    }
  }

  /**
   * @param {HTMLElement} item
   * @param {boolean} follow whether to scroll to it
   */
  #append(item, follow) {
    this.#empty.hidden = true;
    this.#list.append(item);
    while (this.#list.children.length > KEPT) this.#list.firstElementChild?.remove();
    if (follow) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** @param {KeyboardEvent} event */
  #onKey = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#form.requestSubmit();
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
 * @param {string} text
 * @returns {(Node | string)[]} the text, with its URLs as links
 */
function linked(text) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let end = 0;
  for (const { 0: href, index } of text.matchAll(LINK)) {
    parts.push(text.slice(end, index), h("a", { href, target: "_blank", rel: "noopener noreferrer" }, href));
    end = index + href.length;
  }
  return [...parts, text.slice(end)];
}
