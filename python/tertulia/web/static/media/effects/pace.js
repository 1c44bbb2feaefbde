/** Microseconds between two frames at 30 a second, less what clocks differ by. */
const FRAME_US = 31_000;
/** A machine that takes longer than this for a picture shows fewer than ten a second. */
const SLOW_MS = 100;
/** One slow frame is nothing: so many are looked at together. */
const FRAMES = 40;

/** Whether a machine keeps up with what is made of its camera's frames. */
export class Pace {
  #lastAt = -Infinity;
  /** @type {number[]} milliseconds, the newest last */
  #times = [];

  /**
   * @param {number} timestamp of a frame, in microseconds
   * @returns {boolean} whether it is to be shown: at most 30 a second are
   */
  isDue(timestamp) {
    // A camera that was opened anew may count from zero.
    if (timestamp - this.#lastAt < FRAME_US && timestamp >= this.#lastAt) return false;
    this.#lastAt = timestamp;
    return true;
  }

  /** @param {number} ms that a frame took */
  took(ms) {
    this.#times.push(ms);
    if (this.#times.length > FRAMES) this.#times.shift();
  }

  /** What is done for a frame is less from now on. */
  reset() {
    this.#times = [];
  }

  get isTooSlow() {
    return this.#times.length === FRAMES && this.#times.reduce((a, b) => a + b, 0) / FRAMES > SLOW_MS;
  }
}
