/**
 * @typedef {object} Row
 * @property {string} userId whose
 * @property {string} version changes with what it says
 * @property {() => HTMLElement} make
 */

/** Rows about people in a list of a panel: each has `data-user`, and each of its buttons `data-act`. */
export class Rows {
  #list;
  /** @type {Map<string, string>} by userId */
  #versions = new Map();
  /** @type {Element | null} the button that was pressed last */
  #pressed = null;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
    list.addEventListener("click", ({ target }) => {
      if (target instanceof Element) this.#pressed = target.closest("[data-act]");
    });
  }

  /**
   * Shows these rows. Those that say the same stay, so that nothing is replaced between a press on it and the click. Of
   * the others the buttons stay, so that the focus comes back to them, from menus and dialogs, too. With a row that goes
   * because its button was pressed, the focus goes on to the next one. Nobody's button becomes another's otherwise.
   *
   * @param {Row[]} rows
   */
  show(rows) {
    const list = this.#list;
    const focused = this.#focused();
    const before = new Map([...list.children].map((row) => [userOf(row), row]));
    const shown = rows.map(({ userId, version, make }) => {
      const known = before.get(userId);
      if (known && this.#versions.get(userId) === version) return known;
      const row = make();
      if (known) keepButtons(known, row);
      return row;
    });
    this.#versions = new Map(rows.map(({ userId, version }) => [userId, version]));
    const staying = new Set(shown);
    for (const row of before.values()) if (!staying.has(row)) row.remove();
    for (const [place, row] of shown.entries()) {
      const there = list.children[place] ?? null;
      if (there !== row) list.insertBefore(row, there);
    }
    if (!focused || focused.button === document.activeElement) return;
    const { button, userId, place, act } = focused;
    const next = button === this.#pressed ? shown[Math.min(place, shown.length - 1)] : undefined;
    this.#focus(shown.find((row) => userOf(row) === userId) ?? next, act);
  }

  /** @param {string} act the button of the first row that gets the focus */
  focusFirst(act) {
    this.#focus(this.#list.children[0], act);
  }

  /**
   * Puts the focus on a button of a row: on another one if there is no such, and on what closes the panel without any.
   *
   * @param {Element | undefined} row
   * @param {string} act
   */
  #focus(row, act) {
    const button = row?.querySelector(`[data-act="${act}"]`) ?? row?.querySelector("[data-act]");
    const wanted = button ?? this.#list.closest(".panel")?.querySelector("header button");
    if (wanted instanceof HTMLElement) wanted.focus();
  }

  #focused() {
    const button = document.activeElement;
    const place = [...this.#list.children].findIndex((row) => row.contains(button));
    const row = this.#list.children[place];
    if (!row || !(button instanceof HTMLElement)) return null;
    return { button, place, userId: userOf(row), act: button.dataset.act ?? "" };
  }
}

/**
 * Puts the buttons of a person's row into the one that replaces it. What they do depends on the person alone.
 *
 * @param {Element} known
 * @param {HTMLElement} row
 */
function keepButtons(known, row) {
  for (const renewed of row.querySelectorAll("[data-act]")) {
    const button = known.querySelector(`[data-act="${renewed.getAttribute("data-act")}"]`);
    if (!button) continue;
    for (const { name, value } of renewed.attributes) button.setAttribute(name, value);
    renewed.replaceWith(button);
  }
}

/** @param {Element} row */
function userOf(row) {
  return row.getAttribute("data-user");
}
