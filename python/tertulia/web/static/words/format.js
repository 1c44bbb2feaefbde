import { locale } from "./say.js";

/**
 * @param {number} fraction
 * @returns {string} such as "42%"
 */
export function percent(fraction) {
  return new Intl.NumberFormat(locale(), { style: "percent" }).format(fraction);
}

/**
 * @param {string | number} at RFC 3339, or milliseconds
 * @returns {string} such as "20:15"
 */
export function timeOfDay(at) {
  return new Date(at).toLocaleTimeString(locale(), { timeStyle: "short" });
}

/**
 * @param {string} at RFC 3339
 * @returns {string} such as "28 November 2026 at 20:15"
 */
export function dateAndTime(at) {
  return new Date(at).toLocaleString(locale(), { dateStyle: "long", timeStyle: "short" });
}

/**
 * @param {string[]} items
 * @returns {string} such as "UDP, TCP and a TURN relay"
 */
export function listOf(items) {
  return new Intl.ListFormat(locale(), { type: "conjunction" }).format(items);
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/**
 * @param {number} count
 * @returns {string} such as "12 MB"
 */
export function bytes(count) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  const digits = power > 0 && value < 10 ? 1 : 0;
  /** @type {Intl.NumberFormatOptions} */
  const options = { style: "unit", unit: UNITS[power], unitDisplay: power === 0 ? "long" : "short" };
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale(), { ...options, ...fraction }).format(value);
}

/**
 * @param {number} bits a second
 * @returns {string} such as "740 kb/s", which no line breaks
 */
export function bitrate(bits) {
  const isLarge = bits >= 1_000_000;
  const unit = isLarge ? "megabit-per-second" : "kilobit-per-second";
  const value = bits / (isLarge ? 1_000_000 : 1000);
  const format = new Intl.NumberFormat(locale(), { style: "unit", unit, maximumFractionDigits: isLarge ? 1 : 0 });
  return format.format(value).replaceAll(" ", "\u00a0");
}
