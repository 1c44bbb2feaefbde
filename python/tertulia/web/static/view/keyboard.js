/** @import { Key } from "../words/say.js" */
/** @import { PushToTalk } from "./talk.js" */
import { preferences } from "./preferences.js";

/** @typedef {"mic" | "camera" | "screen" | "hand" | "chat" | "people" | "invite" | "theme" | "fullScreen" | "help"} Command */

/** @type {{key: string, command: Command | null, words: Key}[]} */
export const SHORTCUTS = [
  { key: "M", command: "mic", words: "shortcuts.mic" },
  { key: " ", command: null, words: "shortcuts.hold" },
  { key: "V", command: "camera", words: "shortcuts.camera" },
  { key: "S", command: "screen", words: "shortcuts.screen" },
  { key: "H", command: "hand", words: "shortcuts.hand" },
  { key: "C", command: "chat", words: "shortcuts.chat" },
  { key: "P", command: "people", words: "shortcuts.people" },
  { key: "I", command: "invite", words: "shortcuts.invite" },
  { key: "F", command: "fullScreen", words: "shortcuts.fullScreen" },
  { key: "D", command: "theme", words: "theme.switch" },
  { key: "?", command: "help", words: "shortcuts.help" },
];

/** Keys by which one goes through a page. Whoever uses them means the focused control when they press Space. */
const NAVIGATION = new Set([
  "Tab",
  "Enter",
  "Escape",
  "Home",
  "End",
  "ArrowUp",
  "ArrowDown",
  "ArrowLeft",
  "ArrowRight",
]);

/**
 * Single-key shortcuts, and push-to-talk. They do nothing while someone types, while a dialog is open, or if they were
 * turned off (WCAG 2.1.4).
 *
 * A control that was clicked keeps the focus, but Space never presses it again: it speaks. Only after one has moved by
 * keyboard does a short Space press the focused control, and a long one speaks.
 *
 * @param {(command: Command) => void} run
 * @param {PushToTalk} talk
 * @returns {() => void} ends it
 */
export function listenToKeys(run, talk) {
  const byKey = new Map(SHORTCUTS.map(({ key, command }) => [key.toLowerCase(), command]));
  /** @type {"pointer" | "keyboard"} how the focus was moved last */
  let moved = "pointer";
  const onPointer = () => {
    moved = "pointer";
  };
  /** @param {KeyboardEvent} event */
  const onDown = (event) => {
    if (NAVIGATION.has(event.key)) moved = "keyboard";
    if (isForOthers(event)) return;
    if (event.key === " ") return onSpace(event);
    const command = byKey.get(event.key.toLowerCase());
    if (!command || event.repeat) return;
    event.preventDefault();
    run(command);
  };
  /** @param {KeyboardEvent} event */
  const onSpace = (event) => {
    if (isIn(event.target, "[role=menu]")) return;
    const onControl = moved === "keyboard" && isIn(event.target, "button, a, summary");
    if (!onControl) event.preventDefault();
    if (!event.repeat) talk.press(onControl);
  };
  /** @param {KeyboardEvent} event */
  const onUp = (event) => {
    // A button is pressed by the release of the key, in Firefox even if its press was prevented.
    if (event.key === " " && talk.release()) event.preventDefault();
  };
  const onBlur = () => void talk.release();
  const page = new AbortController();
  const { signal } = page;
  addEventListener("pointerdown", onPointer, { signal, capture: true });
  addEventListener("keydown", onDown, { signal });
  addEventListener("keyup", onUp, { signal });
  addEventListener("blur", onBlur, { signal });
  return () => {
    page.abort();
    talk.release();
  };
}

/** @param {KeyboardEvent} event */
function isForOthers({ target, ctrlKey, metaKey, altKey }) {
  const types = isIn(target, "input, textarea, select, [contenteditable]");
  return (
    ctrlKey || metaKey || altKey || types || document.querySelector("dialog[open]") !== null || !preferences().shortcuts
  );
}

/**
 * @param {EventTarget | null} target
 * @param {string} selector
 */
function isIn(target, selector) {
  return target instanceof Element && target.closest(selector) !== null;
}
