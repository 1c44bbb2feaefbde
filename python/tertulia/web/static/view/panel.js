import { h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A side panel with a title and a close button.
 *
 * @param {string} id
 * @param {string} title
 * @param {() => void} onClose
 * @param {...Node} content
 * @returns {HTMLElement}
 */
export function panel(id, title, onClose, ...content) {
  const close = h(
    "button",
    { type: "button", class: "quiet", "aria-label": `Close ${title.toLowerCase()}`, onclick: onClose },
    icon("close"),
  );
  const element = h(
    "aside",
    { class: "panel", id, hidden: true },
    h("header", {}, h("h2", {}, title), close),
    ...content,
  );
  element.setAttribute("aria-label", title);
  element.addEventListener("keydown", ({ key }) => key === "Escape" && onClose());
  return element;
}
