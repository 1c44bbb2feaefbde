/** An answer that takes longer was lost. */
const TIMEOUT_MS = 5000;

/**
 * What became of an offer: the SFU answered it; the SFU made an offer of its own at the same time, or the connection
 * was closed, and it is void; or no answer came in time.
 *
 * @typedef {{is: "answered", sdp: string} | {is: "void"} | {is: "late"}} Outcome
 */

/** Waits for the answer to an offer; there is at most one at a time. */
export class Exchange {
  /** @type {{settle: (outcome: Outcome) => void, timer: ReturnType<typeof setTimeout>} | null} */
  #pending = null;

  get isPending() {
    return this.#pending !== null;
  }

  /** @returns {Promise<Outcome>} */
  begin() {
    return new Promise((settle) => {
      this.#pending = { settle, timer: setTimeout(() => this.settle({ is: "late" }), TIMEOUT_MS) };
    });
  }

  /** @param {Outcome} outcome no effect if no offer is pending */
  settle(outcome) {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = null;
    clearTimeout(pending.timer);
    pending.settle(outcome);
  }
}
