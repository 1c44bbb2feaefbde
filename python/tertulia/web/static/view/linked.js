import { h } from "./dom.js";

/**
 * Of web pages only: no other scheme becomes a link. Browsers copy an address without quotation marks, and without the
 * punctuation of other scripts, where no space need follow it.
 */
const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"'“”„«»‹›…،؛؟\u3000-\u303f！（），．：；？［］｛｝]+/g;
/** What ends a sentence, not an address. */
const STOPS = /[.,;:!?\]’]/;

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
  for (const [address, href, index] of addresses(text)) {
    const link = h("a", { href, target: "_blank", rel: "noopener noreferrer" });
    link.textContent = address;
    parts.push(document.createTextNode(text.slice(end, index)), link);
    end = index + address.length;
  }
  return [...parts, document.createTextNode(text.slice(end))];
}

/**
 * The addresses of web pages in a text.
 *
 * @param {string} text
 * @returns {[address: string, href: string, index: number][]} as written, what it leads to, and where it stands
 */
export function addresses(text) {
  return [...text.matchAll(LINK)].flatMap(({ 0: found, index }) => {
    const address = trimmed(found);
    const href = address.startsWith("www.") ? `https://${address}` : address;
    return URL.canParse(href) ? [[address, href, index]] : [];
  });
}

/**
 * Without what belongs to the sentence around it: a bracket that is closed, but not opened in the address, for one.
 *
 * @param {string} address
 */
function trimmed(address) {
  let end = address.length;
  let surplus = address.split(")").length - address.split("(").length;
  for (; end > 0; end--) {
    const last = address[end - 1] ?? "";
    if (last === ")" && surplus > 0) surplus--;
    else if (!STOPS.test(last)) break;
  }
  return address.slice(0, end);
}
