/** @import { Key } from "../words/say.js" */
/** @import { Moves } from "./moves.js" */
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

/** @type {Map<string, Command | null>} */
const COMMANDS = new Map(SHORTCUTS.map(({ key, command }) => [key.toLowerCase(), command]));
COMMANDS.set("؟", "help");
/** What keyboards of scripts without Latin letters have in their place. */
const OTHER_LETTER = /^(?!\p{Script=Latin})[\p{L}\p{M}]/u;

/** Where keys write. */
const TEXT = "input:not([type=checkbox], [type=radio], [type=range]), textarea, [contenteditable]";
/** What Space presses, by being released. */
const PRESSED = "button, a, summary, [type=checkbox], [type=radio]";

/** What is done in whichever window has the focus. The rest shows something on the page. @type {Set<Command>} */
const ANYWHERE = new Set(["mic", "camera", "screen", "hand"]);

/**
 * Single-key shortcuts, and push-to-talk. They do nothing while someone types, or if they were turned off (WCAG 2.1.4).
 * While a dialog is open where they would show something, one can still talk.
 *
 * A control that was clicked keeps the focus, but Space never presses it again: it speaks. Only after one has moved by
 * keyboard does a short Space press the focused control, and a long one speaks; and the keys of a focused select, which
 * opens by Space and chooses by letters, are its own.
 */
export class Keyboard {
  #run;
  #talk;
  #moves;
  #listening = new AbortController();

  /**
   * Listens on the page.
   *
   * @param {(command: Command) => void} run
   * @param {PushToTalk} talk
   * @param {Moves} moves of the page
   */
  constructor(run, talk, moves) {
    this.#run = run;
    this.#talk = talk;
    this.#moves = moves;
    this.#listenIn(window);
  }

  /** @param {Window} view a window of its own that shows the meeting */
  follow(view) {
    this.#moves.follow(view);
    this.#listenIn(view);
  }

  close() {
    this.#listening.abort();
    this.#talk.release();
  }

  /** @param {Window} view */
  #listenIn(view) {
    const { signal } = this.#listening;
    view.addEventListener("keydown", (event) => this.#onDown(event, view), { signal });
    view.addEventListener("keyup", (event) => this.#onUp(event), { signal });
    for (const end of ["blur", "pagehide"]) view.addEventListener(end, () => void this.#talk.release(), { signal });
  }

  /**
   * @param {KeyboardEvent} event
   * @param {Window} view
   */
  #onDown(event, view) {
    if (isForOthers(event) || this.#isForSelect(event)) return;
    if (event.key === " ") return this.#onSpace(event);
    const command = COMMANDS.get(keyOf(event));
    if (!command || event.repeat) return;
    const isForPage = view !== window && !ANYWHERE.has(command);
    if (asks(view.document) || (isForPage && asks(document))) return;
    event.preventDefault();
    if (isForPage) window.focus();
    this.#run(command);
  }

  /**
   * Letters choose in a list, whatever gave it the focus. Space opens it, but for whoever came by the pointer: they speak.
   *
   * @param {KeyboardEvent} event
   */
  #isForSelect({ key, target }) {
    return isIn(target, "select") && (key !== " " || this.#moves.by(target) !== "pointer");
  }

  /** @param {KeyboardEvent} event */
  #onSpace(event) {
    const onControl = this.#moves.by(event.target) === "keyboard" && isIn(event.target, PRESSED);
    if (!onControl) event.preventDefault();
    if (!event.repeat) this.#talk.press(onControl);
  }

  /** @param {KeyboardEvent} event */
  #onUp(event) {
    // A button is pressed by the release of the key, in Firefox even if its press was prevented.
    if (event.key === " " && this.#talk.release()) event.preventDefault();
  }
}

/** @param {KeyboardEvent} event */
function isForOthers({ target, ctrlKey, metaKey, altKey }) {
  return ctrlKey || metaKey || altKey || isIn(target, TEXT) || !preferences().shortcuts;
}

/**
 * A Latin letter by its place on the keyboard, where a layout has none.
 *
 * @param {KeyboardEvent} event
 * @returns {string}
 */
function keyOf({ key, code }) {
  return (OTHER_LETTER.test(key) ? code.replace(/^Key/, "") : key).toLowerCase();
}

/** @param {Document} document */
function asks(document) {
  return document.querySelector("dialog[open]") !== null;
}

/**
 * @param {EventTarget | null} target
 * @param {string} selector
 */
function isIn(target, selector) {
  return target instanceof Element && target.closest(selector) !== null;
}
