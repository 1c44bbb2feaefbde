/** @import { Meeting } from "../../meeting.js" */
/** @import { Settings } from "../../protocol/types.js" */
/** @import { Key } from "../../words/say.js" */
import { say } from "../../words.js";
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { fail } from "../notices.js";

/**
 * What a box says, and the setting that it changes. Who may do something: checked, everyone may.
 *
 * @type {[setting: keyof Settings, words: Key][]}
 */
const COMING = [
  ["waitingRoom", "rules.waitingRoom"],
  ["locked", "rules.lock"],
  ["muteOnEntry", "rules.muteOnEntry"],
];
/** @type {typeof COMING} */
const ALLOWED = [
  ["unmute", "rules.mayUnmute"],
  ["share", "rules.mayShare"],
  ["chat", "rules.mayChat"],
];

/**
 * The dialog of a host: who comes in, and what attendees may do. It follows what other hosts change, and closes when we
 * are a host no longer.
 *
 * @param {Meeting} meeting
 */
export function rulesDialog(meeting) {
  const { control } = meeting;
  const boxes = [...COMING, ...ALLOWED].map(([setting, words]) => box(control, setting, words));
  const [coming, allowed] = [boxes.slice(0, COMING.length), boxes.slice(COMING.length)];
  const dialog = openDialog(
    say("rules.title"),
    group("rules.coming", coming),
    group("rules.allowed", allowed),
    h("p", { class: "fine-print" }, say("rules.hostsMay")),
  );
  const follow = control.on("settings", () => {
    for (const { show } of boxes) show();
  });
  const close = meeting.on("role", (role) => role !== "host" && dialog.close());
  dialog.addEventListener("close", () => {
    follow();
    close();
  });
}

/**
 * @param {Key} title
 * @param {{element: HTMLElement}[]} boxes
 */
function group(title, boxes) {
  return h("fieldset", { class: "checks" }, h("legend", {}, say(title)), ...boxes.map(({ element }) => element));
}

/**
 * @param {Meeting["control"]} control
 * @param {keyof Settings} setting
 * @param {Key} words
 */
function box(control, setting, words) {
  const input = h("input", { type: "checkbox" });
  const show = () => {
    const value = control.settings[setting];
    input.checked = typeof value === "boolean" ? value : value === "everyone";
  };
  input.onchange = () => {
    const isFlag = typeof control.settings[setting] === "boolean";
    const value = isFlag ? input.checked : input.checked ? "everyone" : "host";
    control.change({ [setting]: value }).catch((error) => {
      show();
      fail(error);
    });
  };
  show();
  return { element: h("label", { class: "check" }, input, h("span", {}, say(words))), show };
}
