import { h } from "./dom.js";

/** How long a notice is shown: time to read two short lines. */
const SHOWN_MS = 5000;
/** More would cover the meeting: the oldest is removed. */
const MOST = 4;

/**
 * Shows a short notice, which screen readers read out.
 *
 * @param {string} text
 * @param {object} [options]
 * @param {{label: string, run: () => void}} [options.action]
 * @param {string} [options.topic] a new notice replaces the previous one of its topic
 */
export function notice(text, { action, topic } = {}) {
  if (topic) clearNotices(topic);
  const close = () => element.remove();
  const button =
    action &&
    h(
      "button",
      {
        type: "button",
        class: "text-button",
        onclick: () => {
          close();
          action.run();
        },
      },
      action.label,
    );
  const element = h("div", { class: "notice" }, h("span", {}, text), button);
  element.dataset.topic = topic ?? "";
  const shown = area();
  shown.append(element);
  while (shown.children.length > MOST) shown.firstElementChild?.remove();
  setTimeout(close, action ? SHOWN_MS * 2 : SHOWN_MS);
}

/** @param {string} [topic] which notices to remove; all without it */
export function clearNotices(topic) {
  for (const element of area().querySelectorAll(topic ? `[data-topic="${topic}"]` : ".notice")) element.remove();
}

function area() {
  return /** @type {HTMLElement} */ (document.getElementById("notices"));
}
