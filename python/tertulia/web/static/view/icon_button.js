/** @import { IconName } from "./icons.js" */
import { h, label } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A button of an icon alone.
 *
 * @param {IconName} name
 * @param {string} words what it does
 * @param {() => void} onclick
 */
export function iconButton(name, words, onclick) {
  const button = h("button", { type: "button", class: "quiet", onclick }, icon(name));
  label(button, words);
  return button;
}
