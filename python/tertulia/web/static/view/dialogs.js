/** @import { LocalMedia } from "../media.js" */
import { deviceChoices } from "./choices.js";
import { h, sentence, spoken } from "./dom.js";
import { icon } from "./icons.js";
import { SHORTCUTS } from "./keyboard.js";
import { prefer, preferences } from "./preferences.js";
import { setTheme, theme } from "./theme.js";

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
        h("button", { type: "button", class: "secondary", onclick: choose(false) }, "Cancel"),
        h("button", { type: "button", class: isHarmless ? "primary" : "danger", onclick: choose(true) }, yes),
      ),
    );
    dialog.addEventListener("close", () => resolve(false));
  });
}

/**
 * Shows the settings.
 *
 * @param {LocalMedia} local
 * @param {(deviceId: string) => void} onSpeaker
 */
export function settingsDialog(local, onSpeaker) {
  const choices = deviceChoices(local, onSpeaker);
  const select = h(
    "select",
    { onchange: () => setTheme(/** @type {import("./theme.js").Theme} */ (select.value)) },
    h("option", { value: "system" }, "Same as the system"),
    h("option", { value: "light" }, "Light"),
    h("option", { value: "dark" }, "Dark"),
  );
  select.value = theme();
  const look = h(
    "label",
    { class: "choice" },
    icon("theme"),
    h("span", { class: "choice-label" }, "Appearance"),
    select,
  );
  choices.element.append(look);
  openDialog("Settings", choices.element).addEventListener("close", choices.close);
}

/** Shows the keyboard shortcuts. */
export function shortcutsDialog() {
  const rows = SHORTCUTS.map(({ keys, words }) =>
    h("div", {}, h("dt", {}, ...keys.map((key) => h("kbd", {}, key))), h("dd", {}, words)),
  );
  const enabled = h("input", {
    type: "checkbox",
    checked: preferences().shortcuts,
    onchange: () => prefer({ shortcuts: enabled.checked }),
  });
  openDialog(
    "Keyboard shortcuts",
    h("dl", { class: "shortcuts" }, ...rows),
    h("label", { class: "check" }, enabled, "Use single-key shortcuts"),
  );
}

/**
 * Shows a link to copy by hand, where the page may not: on an insecure page, or when access was denied.
 *
 * @param {string} link
 */
export function linkDialog(link) {
  const field = h("input", { readOnly: true, value: link, onfocus: () => field.select() });
  field.setAttribute("aria-label", "Invite link");
  openDialog(
    "Invite link",
    h("p", { class: "lead" }, "Copy this link and send it to the people you want to meet."),
    field,
  );
  field.focus();
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
    {},
    h(
      "header",
      {},
      h("h2", {}, ...sentence(title)),
      h(
        "button",
        { type: "button", class: "quiet", "aria-label": "Close", onclick: () => dialog.close() },
        icon("close"),
      ),
    ),
    ...content,
  );
  dialog.setAttribute("aria-label", spoken(title));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
