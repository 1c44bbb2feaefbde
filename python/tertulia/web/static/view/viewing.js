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
