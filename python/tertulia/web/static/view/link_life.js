const DAY_MS = 86_400_000;
/** The longest that a link may live. */
export const MOST_DAYS = 30;
/** For how long after its meeting begins a link lives. */
const DAYS_AFTER = 7;

/**
 * Whether no link that is made now would be good until then.
 *
 * @param {Date} startsAt
 */
export function isTooFar(startsAt) {
  return daysUntil(startsAt) > MOST_DAYS;
}

/**
 * How long the link of a meeting lives that begins then.
 *
 * @param {Date} startsAt
 * @returns {number} seconds from now
 */
export function lifeUntil(startsAt) {
  const days = Math.ceil(daysUntil(startsAt)) + DAYS_AFTER;
  return (Math.max(1, Math.min(MOST_DAYS, days)) * DAY_MS) / 1000;
}

/** @param {Date} moment */
function daysUntil(moment) {
  return (moment.getTime() - Date.now()) / DAY_MS;
}
