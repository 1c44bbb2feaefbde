const FIRST_MS = 250;
/** The longest pause: short enough that a laptop that wakes up is back before its user wonders. */
const LONGEST_MS = 8000;

/**
 * How long to wait before attempt `attempt` (0 is the first): exponential with full jitter in its upper half, so that a
 * fleet of clients does not come back in one wave.
 *
 * @param {number} attempt
 * @param {() => number} random in [0, 1)
 * @returns {number} milliseconds
 */
export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + random() / 2));
}
