/** @import { LocalMedia } from "../../media.js" */
/** @import { Preferences } from "../preferences.js" */
import { chosenLanguage, say } from "../../words.js";
import { choice, deviceChoices } from "../choices.js";
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { languageSelect } from "../language.js";
import { levelBar } from "../level_bar.js";
import { prefer, preferences } from "../preferences.js";
import { speakerCheck } from "../speaker_check.js";
import { setTheme, theme } from "../theme.js";
import { shortcutsDialog } from "./shortcuts.js";

/**
 * Shows the settings.
 *
 * @param {LocalMedia} local
 * @param {object} hear of what is chosen
 * @param {(deviceId: string) => void} hear.onSpeaker
 * @param {() => void} hear.onHints another choice was made of what one is told
 */
export function settingsDialog(local, { onSpeaker, onHints }) {
  const choices = deviceChoices(local, onSpeaker);
  choices.element.append(themeChoice(), ...languageChoice(), ...hints(onHints));
  const shortcuts = h("button", { type: "button", class: "text-button", onclick: shortcutsDialog });
  shortcuts.append(say("shortcuts.title"));
  const mirror = smallMirror(local);
  const dialog = openDialog(
    say("settings.title"),
    h("div", { class: "settings-check" }, mirror.element, speakerCheck()),
    choices.element,
    h("p", { class: "keyboard-only" }, shortcuts),
  );
  dialog.addEventListener("close", () => {
    choices.close();
    mirror.close();
  });
}

/**
 * What the camera shows and the microphone hears.
 *
 * @param {LocalMedia} local
 */
function smallMirror(local) {
  const video = h("video", { muted: true, autoplay: true, playsInline: true });
  video.setAttribute("aria-label", say("lobby.video"));
  const meter = levelBar(local);
  const show = () => {
    const track = local.track("camera");
    video.srcObject = track && new MediaStream([track]);
    video.classList.toggle("mirrored", local.isMirrored);
    video.hidden = !track;
  };
  const unsubscribe = local.on("track", show);
  show();
  return {
    element: h("div", { class: "mirror" }, h("div", { class: "no-picture" }, icon("cameraOff")), video, meter.element),
    close: () => {
      unsubscribe();
      meter.close();
      video.srcObject = null;
    },
  };
}

/** @param {() => void} onChange */
function hints(onChange) {
  const { sounds, mutedSpeech } = preferences();
  const change = (/** @type {Partial<Preferences>} */ preference) => {
    prefer(preference);
    onChange();
  };
  const lead = h("p", { class: "fine-print check-lead", id: "muted-speech-lead" }, say("settings.mutedSpeechLead"));
  const muted = switchOf(say("settings.mutedSpeech"), mutedSpeech === "on", (isOn) =>
    change({ mutedSpeech: isOn ? "on" : "off" }),
  );
  muted.querySelector("input")?.setAttribute("aria-describedby", lead.id);
  return [switchOf(say("settings.sounds"), sounds, (isOn) => change({ sounds: isOn })), muted, lead];
}

/**
 * @param {string} words
 * @param {boolean} isOn
 * @param {(isOn: boolean) => void} onChange
 */
function switchOf(words, isOn, onChange) {
  const box = h("input", { type: "checkbox", checked: isOn, onchange: () => onChange(box.checked) });
  return h("label", { class: "check" }, box, words);
}

function themeChoice() {
  const select = h(
    "select",
    { onchange: () => setTheme(/** @type {import("../theme.js").Theme} */ (select.value)) },
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
