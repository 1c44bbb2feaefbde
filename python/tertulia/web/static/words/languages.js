/** @import { Catalogue, MeetingsCatalogue } from "./say.js" */
import { speak } from "./say.js";

/** The languages of the page, each by its own name, by the code of its catalogue. boot.js chooses among them. */
export const LANGUAGES = {
  en: "English",
  de: "Deutsch",
  es: "Español",
  fr: "Français",
  pt: "Português",
  ar: "العربية",
  he: "עברית",
  ja: "日本語",
};

/** Where the chosen language is kept. Nothing: the browser's. */
const KEY = "tertulia.language";

/** @returns {string} the code of the language that was chosen; "": the browser's */
export function chosenLanguage() {
  const stored = localStorage.getItem(KEY) ?? "";
  return stored in LANGUAGES ? stored : "";
}

/** @param {string} code to be used from the next load of the page; "": the browser's */
export function chooseLanguage(code) {
  if (code) localStorage.setItem(KEY, code);
  else localStorage.removeItem(KEY);
}

/**
 * Loads a catalogue and speaks it; English if it cannot be loaded.
 *
 * @param {string} language
 * @param {readonly string[]} locales of the browser, the first is preferred: numbers and times follow their region
 * @param {boolean} [ofMeetings] also what only the page of meetings says
 */
export async function load(language, locales, ofMeetings = false) {
  const texts = await read(language, ofMeetings).catch(() => null);
  if (!texts) return speak(await read("en", ofMeetings), "en");
  const isOurs = (/** @type {string} */ tag) => tag.toLowerCase().split("-")[0] === language;
  speak(texts, language, locales.find(isOurs) ?? language);
}

/**
 * @param {string} language
 * @param {boolean} ofMeetings
 * @returns {Promise<Catalogue | (Catalogue & MeetingsCatalogue)>}
 */
async function read(language, ofMeetings) {
  const parts = [import(`./${language}.js`), ...(ofMeetings ? [import(`./meetings/${language}.js`)] : [])];
  return Object.assign({}, ...(await Promise.all(parts)).map((part) => part.default));
}
