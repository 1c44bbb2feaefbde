import { say } from "../../words.js";
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { SHORTCUTS } from "../keyboard.js";
import { prefer, preferences } from "../preferences.js";

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
