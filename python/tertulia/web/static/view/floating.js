/** @import { Action } from "./controls.js" */
/** @import { Grid } from "./grid.js" */
import { say } from "../words.js";
import { fill, h, label } from "./dom.js";
import { icon } from "./icons.js";

/** The size of the window at first; browsers remember what people make of it. */
const SIZE = { width: 480, height: 340 };

/**
 * Whether the meeting floats above other windows: all of it in a window of its own, where the browser can do that (Document
 * Picture-in-Picture), else one video.
 *
 * @typedef {{is: "closed"} | {is: "window", window: Window, home: Element} | {is: "video"}} State
 */

/** Whether this browser can show the meeting above other windows. */
export function canFloat() {
  return "documentPictureInPicture" in window || document.pictureInPictureEnabled;
}

/** Shows the meeting above other windows. */
export class Floating {
  #grid;
  #act;
  #onChange;
  #onWindow;
  /** @type {State} */
  #state = { is: "closed" };
  #mic;
  #camera;

  /**
   * @param {Grid} grid
   * @param {(action: Action) => void} act
   * @param {() => void} onChange it floats, or no longer
   * @param {(opened: Window) => void} onWindow it floats in a window of its own
   */
  constructor(grid, act, onChange, onWindow) {
    this.#grid = grid;
    this.#act = act;
    this.#onChange = onChange;
    this.#onWindow = onWindow;
    this.#mic = h("button", { type: "button", class: "control", onclick: () => act("mic") });
    this.#camera = h("button", { type: "button", class: "control", onclick: () => act("camera") });
  }

  get isOpen() {
    return this.#state.is !== "closed";
  }

  /**
   * Opens or closes it.
   *
   * @throws {DOMException} the browser did not allow it
   */
  async toggle() {
    if (this.isOpen) return this.close();
    if ("documentPictureInPicture" in window) return this.#openWindow();
    return this.#openVideo();
  }

  close() {
    if (this.#state.is === "window") this.#state.window.close();
    if (this.#state.is === "video") void document.exitPictureInPicture();
  }

  /** @param {{isMuted: boolean, isVideoOn: boolean}} state of our own devices */
  update({ isMuted, isVideoOn }) {
    show(this.#mic, icon(isMuted ? "micOff" : "mic"), say(isMuted ? "control.unmute" : "control.mute"), isMuted);
    const words = say(isVideoOn ? "control.cameraOff" : "control.cameraOn");
    show(this.#camera, icon(isVideoOn ? "camera" : "cameraOff"), words, !isVideoOn);
  }

  async #openWindow() {
    const { element } = this.#grid;
    const home = /** @type {Element} */ (element.parentElement);
    const opened = await /** @type {any} */ (window).documentPictureInPicture.requestWindow(SIZE);
    dress(opened.document, () => this.#grid.update());
    const leave = h(
      "button",
      { type: "button", class: "control hang-up", onclick: () => this.#act("leave") },
      icon("leave"),
    );
    label(leave, say("control.leave"));
    const bar = h("div", { class: "bar" }, h("div", { class: "group" }, this.#mic, this.#camera), leave);
    opened.document.body.append(h("div", { class: "floating" }, element, bar));
    opened.addEventListener("resize", () => this.#grid.update());
    opened.addEventListener("pagehide", () => this.#onWindowClosed());
    this.#onWindow(opened);
    const back = h("button", { type: "button", class: "secondary", onclick: () => this.close() }, say("floating.back"));
    home.prepend(h("div", { class: "elsewhere" }, h("p", {}, say("floating.elsewhere")), back));
    this.#become({ is: "window", window: opened, home });
  }

  #onWindowClosed() {
    const state = this.#state;
    if (state.is !== "window") return;
    state.home.querySelector(".elsewhere")?.remove();
    state.home.prepend(this.#grid.element);
    this.#become({ is: "closed" });
  }

  async #openVideo() {
    const video = this.#grid.largestVideo();
    if (!video) throw new DOMException("No video is shown.", "NotFoundError");
    await video.requestPictureInPicture();
    video.addEventListener("leavepictureinpicture", () => this.#become({ is: "closed" }), { once: true });
    this.#become({ is: "video" });
  }

  /** @param {State} state */
  #become(state) {
    this.#state = state;
    // A video that was moved to another document stands still.
    this.#grid.play();
    this.#grid.update();
    this.#onChange();
  }
}

/**
 * Gives another document the looks of the page.
 *
 * @param {Document} other
 * @param {() => void} onStyled
 */
function dress(other, onStyled) {
  const { lang, dir, dataset } = document.documentElement;
  Object.assign(other.documentElement, { lang, dir });
  Object.assign(other.documentElement.dataset, dataset);
  other.title = document.title;
  for (const sheet of document.querySelectorAll('link[rel="stylesheet"]')) {
    const { href } = /** @type {HTMLLinkElement} */ (sheet);
    const copy = h("link", { rel: "stylesheet", href });
    copy.addEventListener("load", onStyled);
    other.head.append(copy);
  }
}

/**
 * @param {HTMLButtonElement} button
 * @param {SVGElement} sign
 * @param {string} words
 * @param {boolean} isOff
 */
function show(button, sign, words, isOff) {
  label(button, words);
  button.classList.toggle("off", isOff);
  fill(button, sign);
}
