import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { keepAt } from "./popover.js";

/** @typedef {import("./icons.js").IconName} IconName */

/**
 * A menu that a button opens.
 *
 * @template {string} A what its items do
 */
export class Menu {
  /** @type {Map<A, HTMLElement>} */
  #items = new Map();

  /**
   * @param {string} id
   * @param {[action: A, icon: IconName, words: string, look?: string][]} items `look` is a class
   * @param {(action: A) => void} act
   */
  constructor(id, items, act) {
    this.element = h("div", { id, class: "menu", role: "menu", popover: "auto", onkeydown: walk });
    for (const [action, name, words, look = ""] of items) {
      const onclick = () => {
        this.element.hidePopover();
        act(action);
      };
      const item = h(
        "button",
        { type: "button", role: "menuitem", class: look, onclick },
        icon(name),
        h("span", {}, words),
      );
      item.dataset.action = action;
      this.#items.set(action, item);
      this.element.append(item);
    }
  }

  /**
   * Makes a button open and close the menu, which stands at it. The first item gets the focus at once: a "toggle" event
   * would come after the next key of a fast typist.
   *
   * @param {HTMLButtonElement} button
   * @param {() => void} [prepare] what is to be shown, just before it is
   */
  openBy(button, prepare = () => {}) {
    // Tells the browser that the button belongs to the menu: else a click on it would close the menu first, as one outside.
    button.setAttribute("popovertarget", this.element.id);
    button.setAttribute("aria-haspopup", "menu");
    button.onclick = (event) => {
      event.preventDefault();
      prepare();
      if (!this.element.togglePopover()) return;
      keepAt(this.element, () => button);
      visible(this.element)[0]?.focus();
    };
  }

  /**
   * @param {A} action
   * @param {boolean} isShown
   * @param {string} [words] what the item says from now on
   */
  show(action, isShown, words) {
    const item = this.#items.get(action);
    if (!item) return;
    item.hidden = !isShown;
    const label = item.querySelector("span");
    if (words && label) fill(label, words);
  }
}

/** @param {KeyboardEvent} event */
function walk(event) {
  walkThrough(visible(/** @type {HTMLElement} */ (event.currentTarget)), event);
}

/**
 * The keys of a menu: up, down, the first and the last. Escape closes it by itself; the panel around it stays.
 *
 * @param {HTMLElement[]} items
 * @param {KeyboardEvent} event
 */
export function walkThrough(items, event) {
  if (event.key === "Escape") event.stopPropagation();
  step(items, event, "ArrowDown", "ArrowUp");
}

/**
 * The keys of a row of buttons: forward and back, the first and the last.
 *
 * @param {KeyboardEvent} event in the row
 */
export function walkAlong(event) {
  const row = /** @type {HTMLElement} */ (event.currentTarget);
  const isMirrored = getComputedStyle(row).direction === "rtl";
  const [forward, back] = isMirrored ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
  if (step(visible(row), event, forward, back)) event.stopPropagation();
}

/**
 * @param {HTMLElement[]} items
 * @param {KeyboardEvent} event
 * @param {string} forward the key that goes to the next one
 * @param {string} back
 * @returns {boolean} whether it was one of the keys
 */
function step(items, event, forward, back) {
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const next = { [forward]: (at + 1) % items.length, [back]: at - 1, Home: 0, End: -1 }[event.key];
  // With Alt an arrow goes through the history.
  if (next === undefined || event.altKey) return false;
  event.preventDefault();
  items.at(next)?.focus();
  return true;
}

/**
 * @param {HTMLElement} group
 * @returns {HTMLElement[]} its buttons that one sees
 */
function visible(group) {
  return [...group.querySelectorAll("button")].filter((item) => item.getClientRects().length > 0);
}
