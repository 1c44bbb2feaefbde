import { say } from "../words.js";
import { brand } from "./brand.js";
import { h, label } from "./dom.js";
import { icon } from "./icons.js";
import { languageSelect } from "./language.js";
import { toggleTheme } from "./theme.js";

/** The bar on top of a page outside of a meeting. */
export function pageHeader() {
  const languages = languageSelect(() => location.reload());
  const theme = h("button", { type: "button", class: "quiet", onclick: toggleTheme }, icon("theme"));
  label(theme, say("theme.switch"), say("theme.short"));
  languages.setAttribute("aria-label", say("language.label"));
  return h(
    "header",
    { class: "page-header" },
    brand("/"),
    h("div", { class: "page-header-end" }, h("div", { class: "language" }, icon("language"), languages), theme),
  );
}
