const FIRST_MS = 250;
/** Short enough that a laptop that wakes up has reconnected before its user wonders. */
const LONGEST_MS = 8000;

/**
 * How long to wait after a failed attempt to reconnect: exponential, with jitter in the upper half, so that many clients
 * do not come back all at once.
 *
 * @param {number} attempt 0 is the first
 * @param {() => number} random in [0, 1)
 * @returns {number} milliseconds
 */
export function backoff(attempt, random = Math.random) {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling * (0.5 + random() / 2));
}
