/** @import { Meeting } from "../meeting.js" */
import { newUuid } from "../protocol.js";
import { say } from "../words.js";
import { copyText } from "./copying.js";
import { fill, h } from "./dom.js";
import { linked } from "./linked.js";
import { explainCall } from "./problem.js";

/**
 * What we have written and has not come back as a message of the chat: it is being sent, or could not be. It stays in
 * its place until it arrives, or is discarded.
 */
export class Outbox {
  element = h("ol", { class: "unsent-list" });
  #meeting;
  #onChange;
  #onLeft;
  /** @type {Map<string, HTMLLIElement>} by our own id of the message */
  #items = new Map();

  /**
   * @param {Meeting} meeting
   * @param {object} hear
   * @param {() => void} hear.onChange something could not be sent, is sent again, or was discarded
   * @param {() => void} hear.onLeft the button that had the focus is gone
   */
  constructor(meeting, { onChange, onLeft }) {
    this.#meeting = meeting;
    this.#onChange = onChange;
    this.#onLeft = onLeft;
  }

  get isEmpty() {
    return this.#items.size === 0;
  }

  /**
   * @param {string} text
   * @param {string} to whom alone it goes; "": to everyone
   */
  send(text, to) {
    const id = newUuid();
    const attempt = async (/** @type {boolean} */ isAgain) => {
      this.#change(item.sending);
      try {
        await this.#attempt(text, id, to, isAgain);
      } catch (error) {
        this.#change(() => item.failed(error));
      }
    };
    const item = unsentItem(text, {
      onAgain: () => void attempt(true),
      onDiscard: () => this.#change(() => this.#remove(id)),
    });
    this.#items.set(id, item.element);
    this.element.append(item.element);
    void attempt(false);
  }

  /**
   * @param {string} text
   * @param {string} id
   * @param {string} to
   * @param {boolean} isAgain it may have arrived by now, though its answer did not
   */
  async #attempt(text, id, to, isAgain) {
    const { chat } = this.#meeting;
    if (isAgain) await chat.read();
    if (!chat.has(id)) await this.#meeting.sendChat(text, id, to);
    if (!chat.has(id)) await chat.read(); // it comes before its answer, unless it was lost with a connection
  }

  /** Forgets what has arrived, whatever became of the answer to its call. */
  update() {
    const arrived = [...this.#items.keys()].filter((id) => this.#meeting.chat.has(id));
    this.#keepFocus(() => {
      for (const id of arrived) this.#remove(id);
    });
  }

  /** @param {() => void} act */
  #change(act) {
    this.#keepFocus(act);
    this.#onChange();
  }

  /** @param {() => void} act may remove what has the focus */
  #keepFocus(act) {
    const hasFocus = () => this.element.contains(document.activeElement);
    const hadFocus = hasFocus();
    act();
    if (hadFocus && !hasFocus()) this.#onLeft();
  }

  /** @param {string} id */
  #remove(id) {
    this.#items.get(id)?.remove();
    this.#items.delete(id);
  }
}

/**
 * A message that has not arrived. What arrives is read out; before that, only what could not be sent.
 *
 * @param {string} text
 * @param {{onAgain: () => void, onDiscard: () => void}} actions
 */
function unsentItem(text, { onAgain, onDiscard }) {
  const words = h("p", { dir: "auto" });
  words.append(...linked(text));
  const note = h("small");
  const element = h("li", { class: "unsent" }, h("div", {}, words, note));
  const copy = () => void copyText(text, { title: say("chat.copy"), done: say("chat.copied"), topic: "copy" });
  const actions = [
    textButton(say("chat.sendAgain"), onAgain),
    textButton(say("chat.copy"), copy),
    textButton(say("chat.discard"), onDiscard),
  ];
  const show = (/** @type {boolean} */ isSending, /** @type {(Node | string)[]} */ ...content) => {
    element.classList.toggle("is-sending", isSending);
    element.setAttribute("aria-live", isSending ? "off" : "polite");
    fill(note, ...content);
  };
  return {
    element,
    sending: () => show(true, say("chat.sending")),
    failed: (/** @type {unknown} */ error) =>
      show(false, say("chat.unsent"), " ", explainCall(error), ...actions.flatMap((action) => [" ", action])),
  };
}

/**
 * @param {string} words
 * @param {() => void} onclick
 */
function textButton(words, onclick) {
  return h("button", { type: "button", class: "text-button", onclick }, words);
}
