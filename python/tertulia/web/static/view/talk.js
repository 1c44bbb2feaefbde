/** How long the space bar is held on a focused control until it speaks instead of pressing it. */
const HOLD_MS = 300;

/**
 * The space bar: not held; held on a control, which it presses if it is released soon; held to speak; or held without
 * effect, since we were not muted.
 *
 * @typedef {{is: "released"} | {is: "undecided", timer: ReturnType<typeof setTimeout>} | {is: "speaking"} | {is: "held"}} State
 */

/** Unmutes for as long as the space bar is held. */
export class PushToTalk {
  /** @type {State} */
  #state = { is: "released" };
  #isMuted;
  #setMuted;

  /**
   * @param {object} microphone
   * @param {() => boolean} microphone.isMuted
   * @param {(muted: boolean) => void} microphone.setMuted
   */
  constructor({ isMuted, setMuted }) {
    this.#isMuted = isMuted;
    this.#setMuted = setMuted;
  }

  /** @param {boolean} onControl whether the key would press a control that has the focus: then it has to be held for a while */
  press(onControl) {
    if (this.#state.is !== "released") return;
    if (onControl) this.#state = { is: "undecided", timer: setTimeout(() => this.#speak(), HOLD_MS) };
    else this.#speak();
  }

  /** @returns {boolean} whether the key was held to speak, and so must not press anything */
  release() {
    const state = this.#state;
    this.#state = { is: "released" };
    if (state.is === "undecided") clearTimeout(state.timer);
    if (state.is === "speaking") this.#setMuted(true);
    return state.is === "speaking" || state.is === "held";
  }

  #speak() {
    this.#state = { is: this.#isMuted() ? "speaking" : "held" };
    if (this.#state.is === "speaking") this.#setMuted(false);
  }
}
