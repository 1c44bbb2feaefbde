/** @import { PushToTalk } from "./talk.js" */
import { preferences } from "./preferences.js";

/** @typedef {"mic" | "camera" | "screen" | "hand" | "chat" | "people" | "invite" | "theme" | "help"} Command */

/** @type {{keys: string[], command: Command | null, words: string}[]} */
export const SHORTCUTS = [
  { keys: ["M"], command: "mic", words: "Mute or unmute" },
  { keys: ["Space"], command: null, words: "Hold to speak while muted" },
  { keys: ["V"], command: "camera", words: "Turn your camera on or off" },
  { keys: ["S"], command: "screen", words: "Start or stop sharing your screen" },
  { keys: ["H"], command: "hand", words: "Raise or lower your hand" },
  { keys: ["C"], command: "chat", words: "Open or close the chat" },
  { keys: ["P"], command: "people", words: "Open or close the list of people" },
  { keys: ["I"], command: "invite", words: "Copy the invite link" },
  { keys: ["D"], command: "theme", words: "Switch between light and dark" },
  { keys: ["?"], command: "help", words: "Show these shortcuts" },
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
  const byKey = new Map(SHORTCUTS.map(({ keys: [key = ""], command }) => [key.toLowerCase(), command]));
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
