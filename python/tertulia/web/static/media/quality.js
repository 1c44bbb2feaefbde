/** @import { Quality } from "./link.js" */

/**
 * @typedef {object} Flow What was counted for one person's media since the last report.
 * @property {number} received packets
 * @property {number} lost packets
 * @property {number} jitter seconds; NaN unknown
 * @property {number} roundTrip seconds; NaN unknown
 */

/** Packet loss above which video and sound suffer noticeably, and badly. */
const LOSS = [0.02, 0.08];
/** Round-trip times in ms above which a conversation becomes awkward, and hard (ITU-T G.114: 150 and 400 ms one way). */
const ROUND_TRIP = [300, 800];
/** Jitter in ms above which jitter buffers add noticeable delay, and much of it. */
const JITTER = [40, 100];

/**
 * Rates the quality of a flow by its worst measure.
 *
 * @param {Flow} flow
 * @returns {Quality}
 */
export function judge({ received, lost, jitter, roundTrip }) {
  const total = received + lost;
  const loss = total > 0 ? Math.max(0, lost) / total : 0;
  const [rtt, jit] = [roundTrip * 1000, jitter * 1000];
  const worst = Math.max(step(loss, LOSS), step(rtt, ROUND_TRIP), step(jit, JITTER));
  return { bars: /** @type {1 | 2 | 3} */ (3 - worst), loss, roundTrip: rtt, jitter: jit };
}

/**
 * What becomes of qualities when there is no path: nobody has any.
 *
 * @param {Map<string, Quality>} qualities by userId
 * @returns {Map<string, Quality>}
 */
export function withoutPath(qualities) {
  return new Map([...qualities].map(([userId, quality]) => [userId, { ...quality, bars: 0 }]));
}

/**
 * @param {number} value NaN counts as good
 * @param {number[]} limits
 * @returns {0 | 1 | 2}
 */
function step(value, limits) {
  return /** @type {0 | 1 | 2} */ (limits.filter((limit) => value > limit).length);
}

/** Turns cumulative counters into their growth since the last report. */
export class Counters {
  /** @type {Map<string, number>} */
  #last = new Map();

  /**
   * @param {string} key
   * @param {number | undefined} value
   * @returns {number} 0 in the first report, and after the counter was reset
   */
  growth(key, value) {
    if (value === undefined) return 0;
    const before = this.#last.get(key);
    this.#last.set(key, value);
    return before === undefined || value < before ? 0 : value - before;
  }
}
