/** @import { LocalMedia } from "../media.js" */
import { chosenLanguage, say } from "../words.js";
import { choice, deviceChoices } from "./choices.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { SHORTCUTS } from "./keyboard.js";
import { languageSelect } from "./language.js";
import { prefer, preferences } from "./preferences.js";
import { setTheme, theme } from "./theme.js";

export { closeDialogs, confirmation, linkDialog, openDialog } from "./dialog.js";

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
  const lead = h("p", { class: "fine-print check-lead", id: "muted-speech-lead" }, say("settings.mutedSpeechLead"));
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
