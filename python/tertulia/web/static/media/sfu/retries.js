/** @import { Blockage } from "../blockage.js" */

/** The second attempt is made at once: the first may have shown the SFU what this browser needs. Then each waits longer. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
/** After so many failures in a row it most likely will not come by itself. */
const MOST_FAILURES = 3;
/** What an SFU says where browser and server cannot agree on how to encrypt. */
const OF_ENCRYPTION = new Set(["dtls", "certificate"]);

/** When the next connection is made after some that the SFU never had connected, and what the matter is. */
export class Retries {
  #open;
  #failures = 0;
  #reason = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} open makes the next attempt */
  constructor(open) {
    this.#open = open;
  }

  /** @param {string} [reason] why the SFU closed the connection, if it said so */
  failed(reason = "") {
    clearTimeout(this.#timer);
    this.#reason = reason;
    const wait = this.#failures === 0 ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 1), LONGEST_WAIT_MS);
    this.#failures++;
    if (wait === 0) this.#open();
    else this.#timer = setTimeout(this.#open, wait);
  }

  /** There is a connection, or another SFU to try. */
  reset() {
    clearTimeout(this.#timer);
    this.#failures = 0;
  }

  /**
   * What is the matter after too many failures, with all that is known of the last connection.
   *
   * @param {Blockage | null} blockage
   * @returns {Blockage | null}
   */
  explain(blockage) {
    if (this.#failures < MOST_FAILURES) return blockage;
    const known = blockage ?? { tried: [], hasTurn: false, userIds: [] };
    return OF_ENCRYPTION.has(this.#reason) ? { ...known, isEncryption: true } : blockage;
  }
}
