import { h } from "./dom.js";
import { emojiRow } from "./emoji.js";
import { keepAt } from "./popover.js";

/** How long a reaction floats: as long as its animation in chat.css. */
const FLOATS_MS = 4000;
/** More would cover the meeting. */
const MOST = 30;
/** The id of the choice of reactions. */
export const PICKER = "reaction-picker";

/** Reactions to what happens right now: they rise over the tiles, and are gone. */
export class Reactions {
  #floats = h("div", { class: "floats", "aria-hidden": "true" });
  #picker;
  #next = 0;

  /** @param {(emoji: string) => void} react */
  constructor(react) {
    const act = (/** @type {string} */ emoji) => {
      this.#picker.hidePopover();
      react(emoji);
    };
    this.#picker = h("div", { id: PICKER, class: "menu emoji-menu", popover: "auto" }, emojiRow(act));
    this.element = h("div", { class: "reactions-layer" }, this.#floats, this.#picker);
  }

  /** @param {() => Element} button at which the choice opens */
  choose(button) {
    if (!this.#picker.togglePopover()) return;
    keepAt(this.#picker, button);
    this.#picker.querySelector("button")?.focus();
  }

  /**
   * @param {string} emoji
   * @param {string} name whose it is
   */
  show(emoji, name) {
    if (this.#floats.children.length >= MOST) this.#floats.firstElementChild?.remove();
    const float = h("div", { class: `float lane-${this.#next++ % 6}` }, h("span", {}, emoji), h("bdi", {}, name));
    this.#floats.append(float);
    setTimeout(() => float.remove(), FLOATS_MS);
  }
}

/**
 * Who has reacted, and how.
 *
 * @param {Record<string, string>} reactions userId → emoji
 * @param {string[]} order of the emoji
 * @returns {[emoji: string, userIds: string[]][]}
 */
export function grouped(reactions, order) {
  const of = (/** @type {string} */ emoji) => Object.keys(reactions).filter((userId) => reactions[userId] === emoji);
  return /** @type {[string, string[]][]} */ (order.map((emoji) => [emoji, of(emoji)])).filter(([, ids]) => ids.length);
}
