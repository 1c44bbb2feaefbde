import { chooseLanguage, LANGUAGES } from "../words.js";
import { h } from "./dom.js";

/**
 * A select of the page's language.
 *
 * @param {() => void} onChosen another one is used from the next load of the page
 */
export function languageSelect(onChosen) {
  const languages = Object.entries(LANGUAGES).map(([value, name]) => h("option", { value, lang: value }, name));
  const select = h("select", {}, ...languages);
  select.value = document.documentElement.lang;
  select.onchange = () => {
    chooseLanguage(select.value);
    onChosen();
  };
  return select;
}
