import { h } from "../view/dom.js";
import { pageHeader } from "../view/page_header.js";
import { say } from "../words.js";

/**
 * What is around each screen: the header, and the way from one to another.
 *
 * @param {object} options
 * @param {HTMLElement} options.content
 * @param {"meetings" | "nodes"} options.at
 * @param {boolean} options.showsNodes
 * @param {{words: string, run: () => void} | null} options.leave how to forget the key, or to sign out; null: neither
 * @param {string} options.name of who is signed in; "": nobody
 * @returns {HTMLElement}
 */
export function frame({ content, at, showsNodes, leave, name }) {
  const link = (/** @type {string} */ href, /** @type {string} */ words, /** @type {boolean} */ isHere) =>
    h("a", { href, "aria-current": isHere ? "page" : null }, words);
  const end = h(
    "div",
    { class: "desk-nav-end" },
    name && h("span", { class: "signed-in" }, say("signin.as", { name })),
    leave && h("button", { type: "button", class: "text-button forget", onclick: leave.run }, leave.words),
  );
  const links = h(
    "nav",
    { class: "desk-nav", "aria-label": say("meetings.nav") },
    link("#", say("meetings.title"), at === "meetings"),
    showsNodes && link("#nodes", say("nodes.title"), at === "nodes"),
    end,
  );
  return h("div", { class: "desk" }, pageHeader(), links, h("main", { class: "desk-main" }, content));
}

/**
 * The heading of a screen, which gets the focus: so it is read out.
 *
 * @param {string} words
 */
export function heading(words) {
  const element = h("h1", { tabIndex: -1 }, words);
  queueMicrotask(() => element.focus());
  return element;
}
