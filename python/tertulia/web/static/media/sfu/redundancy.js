/** The share of our voice that is lost from which on it is worth sending twice; as the SFU has it for what it sends. */
const LOSS = 0.03;
/** For how long it still is after the last such report, in milliseconds: each change costs a negotiation. */
const AFTERMATH_MS = 60_000;

/** Decides whether each packet of our voice repeats the one before (RFC 2198): while some are lost. */
export class Redundancy {
  #until = -Infinity;
  #aftermathMs;

  /** @param {number} share up to twice as long, so that not all who lost packets together negotiate together, [0, 1] */
  constructor(share = Math.random()) {
    this.#aftermathMs = AFTERMATH_MS * (1 + share);
  }

  /**
   * @param {number} loss of our voice, as the SFU has reported it since the last call, [0, 1]
   * @param {number} now milliseconds
   * @returns {boolean}
   */
  isWorthIt(loss, now) {
    if (loss >= LOSS) this.#until = now + this.#aftermathMs;
    return now < this.#until;
  }
}
