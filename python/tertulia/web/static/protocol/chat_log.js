/** @import { Hub } from "./hub.js" */
/** @import { ChatMessage } from "./types.js" */
import { Emitter } from "./emitter.js";

/** Messages kept; older ones are forgotten. */
const KEPT = 500;

/**
 * @typedef {object} ChatLogEvents
 * @property {ChatMessage} said somebody wrote, just now or while we were away
 * @property {null} changed there are other messages: one was written, or earlier ones came
 * @property {ChatMessage} reacted the reactions to this message are others
 */

/**
 * What was written in the meeting, the oldest first, each message once: what the server kept, and what it says since.
 *
 * @extends {Emitter<ChatLogEvents>}
 */
export class ChatLog extends Emitter {
  #hub;
  /** @type {Map<string, ChatMessage>} by id, in order */
  #messages = new Map();
  /** @type {{messageId: string, userId: string, emoji: string | null}[]} to messages that are being read */
  #early = [];
  /** Whether what was written before we came has been read: what is read later is news. */
  #isUpToDate = false;

  /** @param {Pick<Hub, "on" | "call">} hub */
  constructor(hub) {
    super();
    this.#hub = hub;
    // If that fails, we have what we heard.
    hub.on("joined", () => void this.read().catch(() => {}));
    hub.on("ChatMessage", (message) => this.#onMessage(message));
    hub.on("MessageReaction", (reaction) => this.#onReaction(reaction));
  }

  /** @returns {ChatMessage[]} */
  get all() {
    return [...this.#messages.values()];
  }

  /**
   * @param {string} id
   * @returns {ChatMessage | undefined}
   */
  get(id) {
    return this.#messages.get(id);
  }

  /**
   * Whether a message has arrived, whatever became of the answer to its call.
   *
   * @param {string} clientId
   */
  has(clientId) {
    return this.all.some((message) => message.clientId === clientId);
  }

  /**
   * Reads what was written before we came, or while we were away.
   *
   * @throws {import("./errors.js").TertuliaError}
   */
  async read() {
    this.#early = [];
    /** @type {{messages: ChatMessage[]}} */
    const { messages } = await this.#hub.call("ReadChat");
    const news = this.#isUpToDate ? messages.filter(({ id }) => !this.#messages.has(id)) : [];
    this.#isUpToDate = true;
    this.#merge(messages);
    this.emit("changed", null);
    for (const message of news) this.emit("said", message);
  }

  /** @param {ChatMessage[]} kept by the server: their order and their reactions are true */
  #merge(kept) {
    const ids = new Set(kept.map(({ id }) => id));
    const own = this.all.filter(({ id }) => !ids.has(id));
    const first = kept[0]?.sentAt ?? "";
    const before = own.filter(({ sentAt }) => sentAt < first);
    const after = own.filter(({ sentAt }) => sentAt >= first);
    this.#messages = new Map([...before, ...kept, ...after].slice(-KEPT).map((message) => [message.id, message]));
    for (const reaction of this.#early) this.#onReaction(reaction);
    this.#early = [];
  }

  /** @param {ChatMessage} message */
  #onMessage(message) {
    if (this.#messages.has(message.id)) return;
    this.#messages.set(message.id, message);
    const [oldest] = this.#messages.keys();
    if (this.#messages.size > KEPT && oldest) this.#messages.delete(oldest);
    this.emit("changed", null);
    this.emit("said", message);
  }

  /** @param {{messageId: string, userId: string, emoji: string | null}} reaction */
  #onReaction(reaction) {
    const { messageId, userId, emoji } = reaction;
    const message = this.#messages.get(messageId);
    if (!message) {
      this.#early = [...this.#early, reaction].slice(-KEPT);
      return;
    }
    const { [userId]: _, ...others } = message.reactions ?? {};
    const changed = { ...message, reactions: emoji ? { ...others, [userId]: emoji } : others };
    this.#messages.set(messageId, changed);
    this.emit("reacted", changed);
  }
}
