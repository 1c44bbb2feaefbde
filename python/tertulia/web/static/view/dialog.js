import { say } from "../words.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { followInto } from "./notices.js";

/**
 * Asks for confirmation.
 *
 * @param {string} question
 * @param {string} yes the label of the button that confirms
 * @param {object} [more]
 * @param {string[]} [more.words] what will happen, a sentence or two each
 * @param {boolean} [more.isHarmless] it can be undone
 * @param {string} [more.about] the userId of the member whom it is about
 * @returns {Promise<boolean>}
 */
export function confirmation(question, yes, { words = [], isHarmless = false, about } = {}) {
  return new Promise((resolve) => {
    const choose = (/** @type {boolean} */ answer) => () => {
      resolve(answer);
      dialog.close();
    };
    const [only = "", ...others] = words;
    const consequences = others.length
      ? h("ul", { class: "consequences" }, ...words.map((sentence) => h("li", {}, sentence)))
      : h("p", { class: "consequences" }, only);
    const dialog = openDialog(
      question,
      ...(only ? [consequences] : []),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { type: "button", class: "secondary", onclick: choose(false) }, say("action.cancel")),
        h("button", { type: "button", class: isHarmless ? "primary" : "danger", onclick: choose(true) }, yes),
      ),
    );
    if (about) dialog.dataset.about = about;
    dialog.addEventListener("close", () => resolve(false));
  });
}

/**
 * Closes dialogs unanswered.
 *
 * @param {string} [about] only those about this member
 */
export function closeDialogs(about) {
  const which = about === undefined ? "dialog" : `dialog[data-about="${about}"]`;
  for (const dialog of /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll(which))) dialog.close();
}

/**
 * Opens a dialog.
 *
 * @param {string} title
 * @param {...Node} content
 * @returns {HTMLDialogElement} removed from the page when it is closed
 */
export function openDialog(title, ...content) {
  const dialog = h(
    "dialog",
    { "aria-label": title },
    h(
      "header",
      {},
      h("h2", {}, title),
      h(
        "button",
        { type: "button", class: "quiet", "aria-label": say("action.close"), onclick: () => dialog.close() },
        icon("close"),
      ),
    ),
    ...content,
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  followInto(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  return dialog;
}
