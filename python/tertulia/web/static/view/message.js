import { say } from "../words.js";
import { brand } from "./brand.js";
import { h } from "./dom.js";

/**
 * A screen for when something takes more than a moment.
 *
 * @param {string} words what is awaited
 * @returns {HTMLElement}
 */
export function waitingScreen(words) {
  return h(
    "div",
    { class: "ended" },
    h("header", { class: "page-header" }, brand("/")),
    h("main", {}, h("p", { class: "lead waiting", role: "status" }, words)),
  );
}

/**
 * A screen that says one thing, and what can be done.
 *
 * @param {string} title gets the focus
 * @param {string} words
 * @param {{label: string, run: () => void} | null} action
 * @param {HTMLElement | null} [more] what stands below
 * @returns {HTMLElement}
 */
export function messageScreen(title, words, action, more = null) {
  const heading = h("h1", { tabIndex: -1 }, title);
  queueMicrotask(() => heading.focus());
  return h(
    "div",
    { class: "ended" },
    h("header", { class: "page-header" }, brand("/")),
    h(
      "main",
      {},
      heading,
      h("p", { class: "lead" }, words),
      h(
        "div",
        { class: "ended-actions" },
        action && h("button", { type: "button", class: "primary", onclick: action.run }, action.label),
        h("a", { class: action ? "secondary" : "primary", href: "/" }, say("action.home")),
      ),
      more,
    ),
  );
}
