/**
 * @typedef {object} Row
 * @property {string} key the same for the same thing
 * @property {string} version changes with what is shown of it
 * @property {() => Element} make
 */

/** The rows of a list. A row stays the same element while it says the same, so that it keeps the focus. */
export class Rows {
  #list;
  /** @type {Map<string, {version: string, element: Element}>} */
  #known = new Map();

  /** @param {Element} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {Row[]} rows */
  show(rows) {
    const before = this.#known;
    this.#known = new Map();
    rows.forEach(({ key, version, make }, at) => {
      const known = before.get(key);
      const element = known?.version === version ? known.element : make();
      if (known && known.element !== element) known.element.replaceWith(element);
      this.#known.set(key, { version, element });
      before.delete(key);
      const standing = this.#list.children[at] ?? null;
      if (standing !== element) this.#list.insertBefore(element, standing);
    });
    for (const { element } of before.values()) element.remove();
  }
}
