import { isolatedParts, plain, seen } from "../words.js";

/**
 * Creates an element. Properties whose names begin with `on` become listeners, those that the element has are set on it,
 * the rest become attributes. Null and undefined leave a property out, false an attribute. Isolated parts of a text
 * become elements of their own; attributes are text alone.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props] `class` is the class attribute
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(element, name, value);
  const present = children.filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...present.flatMap(nodes));
  return element;
}

/**
 * @param {Node | string} child
 * @returns {(Node | string)[]}
 */
function nodes(child) {
  return typeof child === "string" ? sentence(child) : [child];
}

/** Attributes that are texts: read aloud, or seen. */
const TEXTS = new Map([
  ["aria-label", plain],
  ["title", seen],
  ["placeholder", seen],
]);

/**
 * @param {Element} element
 * @param {string} name
 * @param {any} value
 */
function set(element, name, value) {
  if (value === null || value === undefined) return;
  const text = TEXTS.get(name);
  if (text) element.setAttribute(name, text(value));
  else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name in element && !name.startsWith("aria")) /** @type {any} */ (element)[name] = value;
  else if (value !== false || name.startsWith("aria")) element.setAttribute(name, String(value));
}

/**
 * Replaces the children of an element.
 *
 * @param {Element} element
 * @param {...(Node | string)} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...children.flatMap(nodes));
}

/**
 * A sentence with its isolated parts as elements.
 *
 * @param {string} words
 * @returns {(Node | string)[]}
 */
export function sentence(words) {
  const parts = isolatedParts(words).map((part, i) => (i % 2 ? h("bdi", {}, part) : part));
  return parts.filter((part) => part !== "");
}

/**
 * Names a control: for those who hear it, and in a tooltip.
 *
 * @param {Element} element
 * @param {string} words
 * @param {string} [tooltip] if it is another text
 */
export function label(element, words, tooltip = words) {
  set(element, "aria-label", words);
  set(element, "title", tooltip);
}

/**
 * What somebody fills in, with what it is called above it.
 *
 * @param {string} words
 * @param {HTMLElement} input
 */
export function field(words, input) {
  return h("label", { class: "field" }, h("span", {}, words), input);
}

/**
 * The initials of a name.
 *
 * @param {string} name
 * @returns {string} up to two letters
 */
export function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0] ?? "?"];
  return letters
    .map((word) => [...(word ?? "")][0] ?? "")
    .join("")
    .toLocaleUpperCase();
}

/** The number of avatar tints in tile.css. */
const TINTS = 8;

/**
 * The tint of a user's avatar.
 *
 * @param {string} userId
 * @returns {string} a class; the same for a user everywhere
 */
export function tint(userId) {
  let sum = 0;
  for (const char of userId) sum = (sum * 31 + char.charCodeAt(0)) >>> 0;
  return `tint-${sum % TINTS}`;
}
