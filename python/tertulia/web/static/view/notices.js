import { h } from "./dom.js";

/** How long a notice stays: time to read two short lines. */
const SHOWN_MS = 5000;
/** More at once would cover the meeting; the oldest goes. */
const MOST = 4;

/**
 * Shows a short notice and has screen readers say it.
 *
 * @param {string} text
 * @param {{label: string, run: () => void}} [action]
 */
export function notice(text, action) {
  const area = /** @type {HTMLElement} */ (document.getElementById("notices"));
  const close = () => element.remove();
  const element = h("div", { class: "notice" }, h("span", {}, text), action && h("button", {
    type: "button",
    class: "text-button",
    onclick: () => {
      close();
      action.run();
    },
  }, action.label));
  area.append(element);
  while (area.children.length > MOST) area.firstElementChild?.remove();
  setTimeout(close, action ? SHOWN_MS * 3 : SHOWN_MS);
}
