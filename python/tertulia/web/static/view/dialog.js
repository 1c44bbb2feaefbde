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
 * @returns {Promise<boolean>}
 */
export function confirmation(question, yes, { words = [], isHarmless = false } = {}) {
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
    dialog.addEventListener("close", () => resolve(false));
  });
}

/** Closes every dialog unanswered. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
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

/**
 * Shows a link to copy by hand, where the page may not: on an insecure page, or when access was denied.
 *
 * @param {string} link
 */
export function linkDialog(link) {
  const look = { readOnly: true, value: link, "aria-label": say("invite.link") };
  const field = h("input", { ...look, onfocus: () => field.select() });
  openDialog(say("invite.link"), h("p", { class: "lead" }, say("invite.byHand")), field);
  field.focus();
}
