/**
 * Keeps the page as high as what is visible of it. Where a keyboard covers the page instead of making it smaller, as on
 * iOS, its lower part would be below the keyboard.
 *
 * @param {() => void} onChange the visible part is another one now
 * @returns {() => void} ends it
 */
export function followViewport(onChange) {
  const { visualViewport } = window;
  if (!visualViewport) return () => {};
  const root = document.documentElement;
  const follow = () => {
    // A page that is zoomed into stays as it is, and so does one of which nothing is covered.
    if (visualViewport.scale === 1 && visualViewport.height < innerHeight - 1)
      root.style.setProperty("--visible-height", `${visualViewport.height}px`);
    else root.style.removeProperty("--visible-height");
    scrollTo(0, 0);
    onChange();
  };
  // The window's own comes first, and whoever listens to it measures what is laid out by this height.
  addEventListener("resize", follow);
  visualViewport.addEventListener("resize", follow);
  follow();
  return () => {
    removeEventListener("resize", follow);
    visualViewport.removeEventListener("resize", follow);
    root.style.removeProperty("--visible-height");
  };
}
