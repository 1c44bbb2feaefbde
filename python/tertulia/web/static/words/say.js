import { isolated } from "./isolation.js";

/**
 * @typedef {keyof typeof import("./en.js").default} PageKey
 * @typedef {keyof typeof import("./meetings/en.js").default} MeetingsKey
 * @typedef {PageKey | MeetingsKey} Key names a text of the catalogues
 * @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Text with placeholders, such as `{name}`
 * @typedef {Record<PageKey, Text>} Catalogue of every page
 * @typedef {Record<MeetingsKey, Text>} MeetingsCatalogue of the page of meetings, beside it
 * @typedef {Record<string, string | number>} Values for the placeholders
 */

/** The language that is spoken: its texts, and the locale of its numbers and times. */
let spoken = {
  locale: "en",
  texts: /** @type {Partial<Record<Key, Text>>} */ ({}),
  plurals: new Intl.PluralRules("en"),
  numbers: new Intl.NumberFormat("en"),
};

/**
 * Chooses the language of everything that is said from now on.
 *
 * @param {Catalogue | (Catalogue & MeetingsCatalogue)} texts
 * @param {string} language of the texts: their plural forms
 * @param {string} [locale] of numbers and times, such as en-GB
 */
export function speak(texts, language, locale = language) {
  spoken = { locale, texts, plurals: new Intl.PluralRules(language), numbers: new Intl.NumberFormat(locale) };
}

/** @returns {string} of numbers and times (BCP 47) */
export function locale() {
  return spoken.locale;
}

/**
 * A text in the language of the page. Numbers are written as the language does; any other value keeps its own direction
 * ({@link isolated}).
 *
 * @param {Key} key
 * @param {Values} [values] `count` chooses the plural form
 * @returns {string}
 * @throws {Error} no language was chosen, or a value is missing
 */
export function say(key, values = {}) {
  return form(key, values).replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${key} needs {${name}}`);
    return typeof value === "number" ? spoken.numbers.format(value) : isolated(value);
  });
}

/**
 * @param {Key} key
 * @param {Values} values
 * @returns {string}
 */
function form(key, { count }) {
  const text = spoken.texts[key];
  if (text === undefined) throw new Error(`there is no text ${key}`);
  if (typeof text === "string") return text;
  return text[spoken.plurals.select(Number(count))] ?? text.other ?? "";
}
