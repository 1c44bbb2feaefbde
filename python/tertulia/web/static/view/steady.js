/** What has lasted this long is no passing change, in milliseconds. */
const HOLD_MS = 4000;

/** A yes or no that is believed once it has lasted for some seconds, so that what shows it does not flicker. */
export class Steady {
  #isSo = false;
  #next = false;
  #since = 0;

  /**
   * @param {boolean} isSo from now on
   * @param {number} now milliseconds
   */
  set(isSo, now) {
    if (isSo === this.#next) return;
    this.#next = isSo;
    this.#since = now;
  }

  /**
   * @param {number} now milliseconds
   * @returns {boolean}
   */
  at(now) {
    if (now - this.#since >= HOLD_MS) this.#isSo = this.#next;
    return this.#isSo;
  }
}
