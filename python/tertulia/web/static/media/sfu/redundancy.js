/** The share of our voice that is lost from which on it is worth sending twice; as the SFU has it for what it sends. */
const LOSS = 0.03;
/** For how long it still is after the last such report, in milliseconds. */
const AFTERMATH_MS = 10_000;

/** Decides whether each packet of our voice repeats the one before (RFC 2198): while some are lost. */
export class Redundancy {
  #until = -Infinity;

  /**
   * @param {number} loss of our voice, as the SFU has reported it since the last call, [0, 1]
   * @param {number} now milliseconds
   * @returns {boolean}
   */
  isWorthIt(loss, now) {
    if (loss >= LOSS) this.#until = now + AFTERMATH_MS;
    return now < this.#until;
  }
}
