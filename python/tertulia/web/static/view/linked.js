import { h } from "./dom.js";

/** Of web pages only: no other scheme becomes a link. */
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

/**
 * A text as it was written, with its links to web pages to be clicked.
 *
 * @param {string} text
 * @returns {Node[]} nothing in it is read as HTML
 */
export function linked(text) {
  /** @type {Node[]} */
  const parts = [];
  let end = 0;
  for (const { 0: href, index } of text.matchAll(LINK)) {
    if (!URL.canParse(href)) continue;
    const link = h("a", { href, target: "_blank", rel: "noopener noreferrer" });
    link.textContent = href;
    parts.push(document.createTextNode(text.slice(end, index)), link);
    end = index + href.length;
  }
  return [...parts, document.createTextNode(text.slice(end))];
}
