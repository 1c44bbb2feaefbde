import { say } from "../words.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** Goes through the pages of tiles, where there are more people than tiles. */
export class Pager {
  #previous;
  #next;
  #count = h("span", { class: "pager-count" });
  /** @type {HTMLElement} */
  element;

  /** @param {(by: 1 | -1) => void} onTurn */
  constructor(onTurn) {
    this.#previous = turnButton("previous", say("tiles.previous"), () => onTurn(-1));
    this.#next = turnButton("next", say("tiles.next"), () => onTurn(1));
    this.element = h(
      "div",
      { class: "pager", role: "group", "aria-label": say("tiles.pages"), hidden: true },
      this.#previous,
      this.#count,
      this.#next,
    );
  }

  /**
   * @param {number} page from 0
   * @param {number} pages
   */
  update(page, pages) {
    this.element.hidden = pages < 2;
    const text = `${page + 1} / ${pages}`;
    if (this.#count.textContent !== text) this.#count.textContent = text;
    // Not disabled: that would take the focus away from who has just pressed it.
    this.#previous.setAttribute("aria-disabled", String(page === 0));
    this.#next.setAttribute("aria-disabled", String(page === pages - 1));
  }
}

/**
 * @param {"previous" | "next"} name
 * @param {string} label
 * @param {() => void} onclick
 */
function turnButton(name, label, onclick) {
  return h("button", { type: "button", class: "quiet", "aria-label": label, title: label, onclick }, icon(name));
}
