/** Where the API key is kept: in the tab, or in the browser. It is never in an address. */
const NAME = "tertulia.key";

/** What API keys begin with. */
export const PREFIX = "tk_";

/** @returns {string | null} the key to use in this tab: its own, else the device's; null: there is none */
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
  sessionStorage.removeItem(NAME);
  (onDevice ? localStorage : sessionStorage).setItem(NAME, key);
}

/**
 * Forgets a key, wherever it is kept. Another one stays: of this tab, of the device.
 *
 * @param {string | null} key
 */
export function forgetKey(key) {
  for (const place of [sessionStorage, localStorage]) if (place.getItem(NAME) === key) place.removeItem(NAME);
}
