/** Pixels between a popover and its button, and between a popover and the edge of the window. */
const GAP = 8;

/**
 * Puts an open popover at its button, within the window: above it, or below where there is more room.
 *
 * @param {HTMLElement} popover
 * @param {Element} button
 */
export function placeAt(popover, button) {
  const { left, width, top, bottom } = button.getBoundingClientRect();
  const { style } = popover;
  style.left = "0"; // else it is as narrow as the room beside its last place
  const wide = popover.offsetWidth;
  const middle = Math.min(left + width / 2 - wide / 2, document.documentElement.clientWidth - wide - GAP);
  const isAbove = top > innerHeight - bottom;
  style.left = `${Math.max(GAP, middle)}px`;
  style.top = isAbove ? "auto" : `${bottom + GAP}px`;
  style.bottom = isAbove ? `${innerHeight - top + GAP}px` : "auto";
  style.maxHeight = `${(isAbove ? top : innerHeight - bottom) - 2 * GAP}px`;
}
