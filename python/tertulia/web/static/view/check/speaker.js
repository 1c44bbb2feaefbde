import { say } from "../../words.js";
import { deviceTrouble } from "../device_words.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { preferences } from "../preferences.js";
import { playTone } from "./tone.js";

/** A button that plays a sound on the chosen speaker. */
export function speakerCheck() {
  const trouble = h("span", { role: "status" });
  const button = h("button", { type: "button", class: "secondary" }, icon("speaker"), say("check.sound"));
  button.onclick = async () => {
    button.disabled = true;
    fill(trouble, say("check.soundHint"));
    await playTone(preferences().speaker).catch((error) => fill(trouble, deviceTrouble("microphone", error)));
    button.disabled = false;
  };
  return h("div", { class: "speaker-check" }, button, trouble);
}
