import { preferences } from "./preferences.js";

/** @typedef {"mic" | "camera" | "screen" | "hand" | "chat" | "people" | "invite" | "theme" | "help"} Command */

/** @type {{keys: string[], command: Command | null, words: string}[]} */
export const SHORTCUTS = [
  { keys: ["M"], command: "mic", words: "Microphone on or off" },
  { keys: ["Space"], command: null, words: "Hold to speak while muted" },
  { keys: ["V"], command: "camera", words: "Camera on or off" },
  { keys: ["S"], command: "screen", words: "Share your screen, or stop" },
  { keys: ["H"], command: "hand", words: "Raise or lower your hand" },
  { keys: ["C"], command: "chat", words: "Open or close the chat" },
  { keys: ["P"], command: "people", words: "Open or close the list of people" },
  { keys: ["I"], command: "invite", words: "Copy the invite link" },
  { keys: ["D"], command: "theme", words: "Change between light and dark" },
  { keys: ["?"], command: "help", words: "Show these shortcuts" },
];

/**
 * Single keys, unless someone writes, a dialog is open, or they were turned off (WCAG 2.1.4).
 *
 * @param {(command: Command) => void} run
 * @param {(talking: boolean) => void} onTalk the space bar is held
 * @returns {() => void} ends it
 */
export function listenToKeys(run, onTalk) {
  const byKey = new Map(SHORTCUTS.map(({ keys: [key = ""], command }) => [key.toLowerCase(), command]));
  let talking = false;
  const stopTalking = () => {
    if (talking) onTalk(false);
    talking = false;
  };
  /** @param {KeyboardEvent} event */
  const onDown = (event) => {
    if (isForOthers(event)) return;
    if (event.key === " ") {
      if (isControl(event.target)) return;
      event.preventDefault();
      if (event.repeat) return;
      talking = true;
      onTalk(true);
      return;
    }
    const command = byKey.get(event.key.toLowerCase());
    if (!command || event.repeat) return;
    event.preventDefault();
    run(command);
  };
  /** @param {KeyboardEvent} event */
  const onUp = (event) => event.key === " " && stopTalking();
  addEventListener("keydown", onDown);
  addEventListener("keyup", onUp);
  addEventListener("blur", stopTalking);
  return () => {
    removeEventListener("keydown", onDown);
    removeEventListener("keyup", onUp);
    removeEventListener("blur", stopTalking);
  };
}

/** @param {KeyboardEvent} event */
function isForOthers(event) {
  const { target, ctrlKey, metaKey, altKey } = event;
  const writes = target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]");
  return Boolean(
    ctrlKey || metaKey || altKey || writes || document.querySelector("dialog[open]") || !preferences().shortcuts,
  );
}

/** @param {EventTarget | null} target whether the space bar presses it */
function isControl(target) {
  return target instanceof HTMLElement && target.closest("button, a, [role=menuitem], summary") !== null;
}
