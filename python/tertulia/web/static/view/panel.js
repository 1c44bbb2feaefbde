import { h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A side panel with a title and a close button.
 *
 * @param {string} id
 * @param {{title: string, close: string, onClose: () => void}} head `close` names the button
 * @param {...Node} content
 * @returns {HTMLElement}
 */
export function panel(id, { title, close, onClose }, ...content) {
  const button = h("button", { type: "button", class: "quiet", "aria-label": close, onclick: onClose }, icon("close"));
  const element = h(
    "aside",
    { class: "panel", id, hidden: true, "aria-label": title },
    h("header", {}, h("h2", {}, title), button),
    ...content,
  );
  element.addEventListener("keydown", ({ key }) => key === "Escape" && onClose());
  return element;
}
