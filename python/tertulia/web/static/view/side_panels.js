/** @import { Meeting } from "../meeting.js" */
/** @import { ChatMessage } from "../protocol/types.js" */
/** @import { Chat } from "./chat.js" */
/** @import { People } from "./people.js" */
import { say } from "../words.js";
import { closeDialogs } from "./dialog.js";
import { clearNotices, notice } from "./notices.js";

/** @typedef {"chat" | "people"} Panel */

/** Of a message, in a notice. */
const MOST_PREVIEWED = 80;

/** Chat and people: at most one of them is open, beside the meeting. */
export class SidePanels {
  #meeting;
  #chat;
  #people;
  #onChange;
  /** @type {Panel | null} */
  #open = null;
  #unread = 0;

  /**
   * @param {Meeting} meeting
   * @param {{chat: Chat, people: People}} panels
   * @param {(closed: Panel | null) => void} onChange of what is open or unread; `closed` was, and had the focus
   */
  constructor(meeting, { chat, people }, onChange) {
    this.#meeting = meeting;
    this.#chat = chat;
    this.#people = people;
    this.#onChange = onChange;
  }

  /** @returns {Panel | null} */
  get open() {
    return this.#open;
  }

  /** @returns {number} messages that came while the chat was closed */
  get unread() {
    return this.#unread;
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    return [
      ...this.#chat.listen(),
      this.#meeting.chat.on("said", (message) => this.#onSaid(message)),
      this.#people.knocks.listen(() => this.show("people")),
    ];
  }

  /** @param {Panel} which is to be seen */
  show(which) {
    if (this.#open !== which) this.toggle(which);
  }

  /** @param {Panel} which opens, or closes */
  toggle(which) {
    const before = this.#open;
    this.#open = before === which ? null : which;
    if (this.#open) closeDialogs(); // a notice over a dialog may have asked for it
    this.#chat.element.hidden = this.#open !== "chat";
    this.#people.element.hidden = this.#open !== "people";
    if (this.#open === "chat") {
      this.#unread = 0;
      clearNotices("chat");
      this.#chat.focus();
    } else if (this.#open === "people") this.#people.element.querySelector("button")?.focus();
    this.#onChange(this.#open ? null : before);
  }

  /** @param {ChatMessage} message */
  #onSaid({ userId, text: whole, private: isPrivate }) {
    if (this.#open === "chat" || userId === this.#meeting.userId) return;
    this.#unread++;
    const name = this.#meeting.roster.get(userId)?.displayName ?? say("meeting.someone");
    const action = { label: say("chat.open"), run: () => this.show("chat") };
    const text = whole.slice(0, MOST_PREVIEWED);
    const words = isPrivate ? say("chat.previewPrivate", { name, text }) : say("chat.preview", { name, text });
    notice(words, { action, topic: "chat" });
    this.#onChange(null);
  }
}
