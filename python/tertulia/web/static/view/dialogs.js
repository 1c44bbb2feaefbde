/** @import { LocalMedia } from "../media.js" */
import { chooseLanguage, chosenLanguage, LANGUAGES, say } from "../words.js";
import { choice, deviceChoices } from "./choices.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { SHORTCUTS } from "./keyboard.js";
import { followInto } from "./notices.js";
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
        h("button", { type: "button", class: "secondary", onclick: choose(false) }, say("action.cancel")),
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
 * @param {() => void} onHints another choice was made of what one is told
 */
export function settingsDialog(local, onSpeaker, onHints) {
  const choices = deviceChoices(local, onSpeaker);
  choices.element.append(themeChoice(), ...languageChoice(), ...hints(onHints));
  const shortcuts = h("button", { type: "button", class: "text-button", onclick: shortcutsDialog });
  shortcuts.append(say("shortcuts.title"));
  const dialog = openDialog(say("settings.title"), choices.element, h("p", { class: "keyboard-only" }, shortcuts));
  dialog.addEventListener("close", choices.close);
}

/** @param {() => void} onChange */
function hints(onChange) {
  const lead = h("p", { class: "lead check-lead", id: "muted-speech-lead" }, say("settings.mutedSpeechLead"));
  const muted = switchOf("mutedSpeech", say("settings.mutedSpeech"), onChange);
  muted.querySelector("input")?.setAttribute("aria-describedby", lead.id);
  return [switchOf("sounds", say("settings.sounds"), onChange), muted, lead];
}

/**
 * @param {"sounds" | "mutedSpeech"} preference
 * @param {string} words
 * @param {() => void} onChange
 */
function switchOf(preference, words, onChange) {
  const box = h("input", {
    type: "checkbox",
    checked: preferences()[preference],
    onchange: () => {
      prefer({ [preference]: box.checked });
      onChange();
    },
  });
  return h("label", { class: "check" }, box, words);
}

function themeChoice() {
  const select = h(
    "select",
    { onchange: () => setTheme(/** @type {import("./theme.js").Theme} */ (select.value)) },
    h("option", { value: "system" }, say("theme.system")),
    h("option", { value: "light" }, say("theme.light")),
    h("option", { value: "dark" }, say("theme.dark")),
  );
  select.value = theme();
  return choice("theme", say("theme.label"), select);
}

/** Reloading leaves the meeting, so that is left to the person. */
function languageChoice() {
  const reload = h("button", { type: "button", class: "text-button", onclick: () => location.reload() });
  reload.append(say("language.reload"));
  const later = h("p", { class: "later", role: "status", hidden: true }, say("language.later"), " ", reload);
  const select = languageSelect(() => {
    later.hidden = false;
  });
  select.prepend(h("option", { value: "" }, say("language.browser")));
  select.value = chosenLanguage();
  return [choice("language", say("language.label"), select), later];
}

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

/** Shows the keyboard shortcuts. */
export function shortcutsDialog() {
  const rows = SHORTCUTS.map(({ key, command, words }) =>
    h("div", {}, h("dt", {}, h("kbd", {}, command ? key : say("shortcuts.space"))), h("dd", {}, say(words))),
  );
  const enabled = h("input", {
    type: "checkbox",
    checked: preferences().shortcuts,
    onchange: () => prefer({ shortcuts: enabled.checked }),
  });
  openDialog(
    say("shortcuts.title"),
    h("dl", { class: "shortcuts" }, ...rows),
    h("label", { class: "check" }, enabled, say("shortcuts.enabled")),
  );
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
