/** First strong isolate, pop directional isolate (Unicode Standard Annex 9). */
const [FSI, PDI] = ["\u2068", "\u2069"];
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const ISOLATED = new RegExp(`${FSI}([^${PDI}]*)${PDI}`);

/**
 * Text of people for a sentence of ours, which it must not reorder, whatever its direction.
 *
 * @param {string} text
 * @returns {string}
 */
export function isolated(text) {
  return FSI + text.replace(CONTROLS, "") + PDI;
}

/**
 * Takes a sentence apart.
 *
 * @param {string} words
 * @returns {string[]} every second one is isolated text
 */
export function isolatedParts(words) {
  return words.split(ISOLATED);
}

/**
 * A sentence as text alone, for labels that are read aloud.
 *
 * @param {string} words
 * @returns {string}
 */
export function plain(words) {
  return words.replace(CONTROLS, "");
}

/**
 * A sentence as text alone, for what is seen, as a tooltip: isolated still, unless all of it is from left to right.
 *
 * @param {string} words
 * @returns {string}
 */
export function seen(words) {
  return RIGHT_TO_LEFT.test(words) ? words : plain(words);
}
