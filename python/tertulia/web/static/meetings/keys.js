/** Where the API key is kept: in the tab, or in the browser. It is never in an address. */
const NAME = "tertulia.key";

/** What API keys begin with. */
export const PREFIX = "tk_";

/** @returns {string | null} the key that was entered; null: none was */
export function keptKey() {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
}

/**
 * Keeps a key until the tab is closed, or on this device.
 *
 * @param {string} key
 * @param {boolean} onDevice
 */
export function keepKey(key, onDevice) {
  forgetKey();
  (onDevice ? localStorage : sessionStorage).setItem(NAME, key);
}

/** Forgets the key. */
export function forgetKey() {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
}
