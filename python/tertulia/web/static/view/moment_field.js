/**
 * A moment as a field for date and time has it, in the time zone of the browser.
 *
 * @param {string | null} at RFC 3339
 * @returns {string} "" for none
 */
export function toField(at) {
  if (!at) return "";
  const moment = new Date(at);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/**
 * The moment in such a field.
 *
 * @param {string} value
 * @returns {string | null} RFC 3339; null: it is empty
 */
export function fromField(value) {
  return value ? new Date(value).toISOString() : null;
}
