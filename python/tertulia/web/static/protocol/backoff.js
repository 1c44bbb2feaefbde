const FIRST_MS = 250;
/** So that servers that are back have everybody back before people wonder. */
const LONGEST_MS = 3000;

/**
 * How long to wait after a failed attempt to reconnect: exponential, with jitter in the upper half. So those who lost
 * their server at once come back at any time of these three seconds, once they have failed a few times.
 *
 * @param {number} attempt 0 is the first
 * @param {() => number} random in [0, 1)
 * @returns {number} milliseconds
 */
export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + random() / 2));
}
