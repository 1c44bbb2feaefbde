/**
 * Creates an element. Properties whose names begin with `on` become listeners, those that the element has are set on it,
 * the rest become attributes. Null and undefined leave a property out, false an attribute.
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
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {any} value
 */
function set(element, name, value) {
  if (value === null || value === undefined) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
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
  element.replaceChildren(...children);
}

/** First strong isolate, pop directional isolate (Unicode Standard Annex 9). */
const [FSI, PDI] = ["\u2068", "\u2069"];
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text of people for a sentence of ours, which it must not reorder, whatever its direction.
 *
 * @param {string} text
 * @returns {string} for {@link sentence}
 */
export function isolated(text) {
  return FSI + text.replace(CONTROLS, "") + PDI;
}

/**
 * A sentence with its isolated parts as elements.
 *
 * @param {string} words
 * @returns {(Node | string)[]}
 */
export function sentence(words) {
  const parts = words.split(new RegExp(`${FSI}([^${PDI}]*)${PDI}`));
  return parts.map((part, i) => (i % 2 ? h("bdi", {}, part) : part)).filter((part) => part !== "");
}

/**
 * A sentence as text alone, for labels that are read aloud.
 *
 * @param {string} words
 * @returns {string}
 */
export function spoken(words) {
  return words.replace(CONTROLS, "");
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
