/** Pixels between a popover and its button, and between a popover and the edge of the window. */
const GAP = 8;

/**
 * Keeps an open popover at its button while the window changes its size.
 *
 * @param {HTMLElement} popover
 * @param {() => Element} button that the popover belongs to; in another size it may be another one
 */
export function keepAt(popover, button) {
  const stop = () => removeEventListener("resize", place);
  const place = () => {
    if (popover.matches(":popover-open")) placeAt(popover, button());
    else stop(); // it was removed while it was open, which no event says
  };
  place();
  addEventListener("resize", place);
  popover.addEventListener("beforetoggle", stop, { once: true });
}

/**
 * Puts an open popover at its button, within the window: above it, or below where there is more room.
 *
 * @param {HTMLElement} popover
 * @param {Element} button
 */
function placeAt(popover, button) {
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
