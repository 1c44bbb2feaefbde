/** @import { Blockage } from "../blockage.js" */

/** The second attempt is made at once: it shows the SFU whom to serve DTLS 1.2 at the third. Then each waits longer. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
/** After so many failures in a row it most likely will not come by itself. */
const MOST_FAILURES = 3;
/** What an SFU says where browser and server cannot agree on how to encrypt. All else may be the network: no waiting. */
const OF_ENCRYPTION = new Set(["dtls", "certificate"]);

/** When the next connection is made after some that the SFU never had connected, and what the matter is. */
export class Retries {
  #open;
  /** Failures of encryption, in a row. */
  #failures = 0;
  /** @type {Blockage | null} what the matter was last: a new attempt needs its time to find that out again */
  #blockage = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} open makes the next attempt */
  constructor(open) {
    this.#open = open;
  }

  /** @param {string} [reason] why the SFU closed the connection, if it said so */
  failed(reason = "") {
    clearTimeout(this.#timer);
    this.#failures = OF_ENCRYPTION.has(reason) ? this.#failures + 1 : 0;
    if (this.#failures < 2) return this.#open();
    this.#timer = setTimeout(this.#open, Math.min(FIRST_WAIT_MS * 2 ** (this.#failures - 2), LONGEST_WAIT_MS));
  }

  /** ICE has found a path, on which encryption may still fail. */
  reached() {
    this.#blockage = null;
  }

  /** There is a connection, or another SFU to try. */
  reset() {
    clearTimeout(this.#timer);
    this.#failures = 0;
    this.#blockage = null;
  }

  /**
   * What is the matter, with all that is known of the last connection.
   *
   * @param {Blockage | null} blockage of the present one
   * @returns {Blockage | null}
   */
  explain(blockage) {
    this.#blockage = blockage ?? this.#blockage;
    if (this.#failures < MOST_FAILURES) return this.#blockage;
    return { tried: [], hasTurn: false, userIds: [], ...this.#blockage, cause: "encryption" };
  }
}
