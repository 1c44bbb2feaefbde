import { UnreachableError } from "../protocol.js";
import { say } from "../words.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { loaded } from "./loading.js";
import { preferences } from "./preferences.js";
import { explainEntry } from "./problem.js";

/** A button that plays a sound on the chosen speaker. */
export function speakerCheck() {
  const words = h("span", { role: "status" });
  const button = h("button", { type: "button", class: "secondary" }, icon("speaker"), say("check.sound"));
  button.onclick = async () => {
    button.disabled = true;
    fill(words, say("check.soundHint"));
    try {
      const { playTone } = await loaded(import("./check/tone.js"));
      await playTone(preferences().speaker);
    } catch (error) {
      // Whatever else there is to hear nothing by, it has been said what to do.
      if (error instanceof UnreachableError) fill(words, explainEntry(error));
    }
    button.disabled = false;
  };
  return h("div", { class: "speaker-check" }, button, words);
}
