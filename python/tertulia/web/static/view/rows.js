/**
 * Shows these rows in a list of a panel. Rows that say the same stay, so that nothing is replaced between a press on it
 * and the click. The focus stays on the same button of the same person; when their row is gone, see {@link focusRow}.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement[]} rows each with `data-user`, its buttons each with `data-act`
 */
export function showRows(list, rows) {
  const focused = focusIn(list);
  const before = new Map([...list.children].map((row) => [userOf(row), row]));
  const shown = rows.map((row) => {
    const known = before.get(userOf(row));
    return known?.isEqualNode(row) ? known : row;
  });
  for (const row of before.values()) if (!shown.includes(row)) row.remove();
  for (const [place, row] of shown.entries()) {
    const there = list.children[place] ?? null;
    if (there !== row) list.insertBefore(row, there);
  }
  if (!focused || focused.button === document.activeElement) return;
  const place = shown.findIndex((row) => userOf(row) === focused.userId);
  focusRow(list, place < 0 ? focused.place : place, focused.act);
}

/**
 * Puts the focus on a button of a row, or of the last one; on what closes the panel if there is no such button.
 *
 * @param {HTMLElement} list
 * @param {number} place of the row
 * @param {string} act of the button
 */
export function focusRow(list, place, act) {
  const row = list.children[Math.min(place, list.children.length - 1)];
  const wanted = row?.querySelector(`[data-act="${act}"]`) ?? list.closest(".panel")?.querySelector("header button");
  if (wanted instanceof HTMLElement) wanted.focus();
}

/** @param {HTMLElement} list */
function focusIn(list) {
  const button = document.activeElement;
  const place = [...list.children].findIndex((row) => row.contains(button));
  const row = list.children[place];
  if (!row || !(button instanceof HTMLElement)) return null;
  return { button, place, userId: userOf(row), act: button.dataset.act ?? "" };
}

/** @param {Element} row */
function userOf(row) {
  return row.getAttribute("data-user");
}
