import { fail } from "./notices.js";

/** Whether this browser lets a page fill the screen: not on iPhones. */
export function canFillScreen() {
  return document.fullscreenEnabled;
}

/** Whether the page fills the screen. */
export function fillsScreen() {
  return document.fullscreenElement !== null;
}

/** Fills the screen, or no longer. */
export function toggleFullScreen() {
  const done = fillsScreen() ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  done.catch(fail);
}

/**
 * @param {() => void} onChange the page fills the screen, or no longer
 * @returns {() => void} ends it
 */
export function followFullScreen(onChange) {
  document.addEventListener("fullscreenchange", onChange);
  return () => document.removeEventListener("fullscreenchange", onChange);
}

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

/**
 * Keeps the screen on during a meeting, where the browser supports it. Browsers end that whenever the page is hidden, so
 * we ask again when it is visible.
 *
 * @returns {() => void} lets the screen turn off again
 */
export function stayAwake() {
  /** @type {WakeLockSentinel | null} */
  let lock = null;
  let ended = false;
  const ask = async () => {
    if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    // Refused when the battery is low.
    lock = await navigator.wakeLock.request("screen").catch(() => null);
    if (ended) await lock?.release();
  };
  document.addEventListener("visibilitychange", ask);
  void ask();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", ask);
    void lock?.release();
  };
}
