import { brand } from "./brand.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { toggleTheme } from "./theme.js";

/** The bar on top of a page outside of a meeting. */
export function pageHeader() {
  return h(
    "header",
    { class: "page-header" },
    brand("/"),
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": "Switch between light and dark",
        title: "Light or dark",
        onclick: toggleTheme,
      },
      icon("theme"),
    ),
  );
}
