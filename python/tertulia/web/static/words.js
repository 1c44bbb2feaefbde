/**
 * What the page says to people, in their language. No DOM.
 *
 * @module
 */

export { bitrate, bytes, dateAndTime, listOf, percent, timeOfDay } from "./words/format.js";
export { isolated, isolatedParts, plain, seen } from "./words/isolation.js";
export { chooseLanguage, chosenLanguage, LANGUAGES, load } from "./words/languages.js";
export { say, speak } from "./words/say.js";
