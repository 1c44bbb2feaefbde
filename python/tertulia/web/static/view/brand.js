import { h } from "./dom.js";
import { mark } from "./icons.js";

/**
 * The logo: the mark and the name.
 *
 * @param {string} [href] makes it a link
 * @returns {HTMLElement}
 */
export function brand(href) {
  const parts = [mark(), h("span", {}, "Tertulia")];
  return href ? h("a", { class: "brand", href }, ...parts) : h("span", { class: "brand" }, ...parts);
}
