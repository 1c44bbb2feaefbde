/** @import { Quality } from "../media/link.js" */
/** @import { Rect } from "./layout.js" */
import { fill, h, initials, tint } from "./dom.js";
import { bars, icon } from "./icons.js";

/**
 * @typedef {object} TileState
 * @property {string} name
 * @property {boolean} isMuted
 * @property {boolean} isAway
 * @property {boolean} handRaised
 * @property {boolean} speaking
 * @property {boolean} pinned
 * @property {MediaStreamTrack | null} track null: the avatar is shown
 * @property {number} since performance.now(): frames received earlier are not this person's
 */

const QUALITY_WORDS = ["No media", "Poor connection", "Fair connection", "Good connection"];

/** One person's picture, or one screen. */
export class Tile {
  #video;
  #name = h("span", { class: "name" });
  #badges = h("span", { class: "badges" });
  #away = h("div", { class: "away" }, "Reconnecting…");
  #signal = h("span", { class: "signal", role: "img" }, bars());
  #pin;
  #since = NaN;
  #isSelf;
  #isScreen;

  /**
   * @param {object} options
   * @param {string} options.userId
   * @param {boolean} options.isSelf
   * @param {boolean} options.isScreen
   * @param {() => void} options.onPin
   */
  constructor({ userId, isSelf, isScreen, onPin }) {
    this.#isSelf = isSelf;
    this.#isScreen = isScreen;
    this.#video = h("video", {
      muted: true,
      autoplay: true,
      playsInline: true,
      class: isSelf && !isScreen ? "mirrored" : "",
    });
    this.#pin = h("button", { type: "button", class: "pin", onclick: onPin }, icon("pin"));
    this.element = h(
      "article",
      { class: `tile ${isScreen ? "screen" : "person"}`, ondblclick: onPin },
      h("div", { class: `avatar ${tint(userId)}` }),
      this.#video,
      this.#away,
      h("div", { class: "plate" }, this.#badges, this.#name),
      this.#signal,
      this.#pin,
    );
    this.element.dataset.user = userId;
    this.setQuality({ bars: 3, loss: 0, roundTrip: NaN, jitter: NaN });
  }

  /** @param {TileState} state */
  update(state) {
    const { name, isMuted, isAway, handRaised, speaking, pinned } = state;
    const label = this.#isScreen ? `${name}’s screen` : this.#isSelf ? `${name} (you)` : name;
    this.#name.textContent = label;
    fill(/** @type {HTMLElement} */ (this.element.querySelector(".avatar")), h("span", {}, initials(name)));
    const marks = [handRaised && badge("hand", "Hand raised"), isMuted && badge("micOff", "Muted")];
    fill(this.#badges, ...marks.filter((mark) => mark !== false));
    this.element.setAttribute("aria-label", label);
    this.element.classList.toggle("is-speaking", speaking);
    this.element.classList.toggle("is-away", isAway);
    this.element.classList.toggle("has-hand", handRaised);
    this.#away.hidden = !isAway;
    const pinLabel = pinned ? `Unpin ${label}` : `Pin ${label}`;
    this.#pin.setAttribute("aria-label", pinLabel);
    this.#pin.setAttribute("aria-pressed", String(pinned));
    this.#pin.title = pinLabel;
    this.#show(state.track, state.since);
  }

  /** @param {Quality} quality */
  setQuality({ bars: count, loss, roundTrip }) {
    const words = QUALITY_WORDS[count] ?? "";
    const delay = Number.isNaN(roundTrip) ? "" : `, ${Math.round(roundTrip)} ms`;
    const lost = loss > 0.005 ? `, ${Math.round(loss * 100)} % lost` : "";
    this.#signal.dataset.bars = String(count);
    this.#signal.title = words + delay + lost;
    this.#signal.setAttribute("aria-label", words);
  }

  /** @param {Rect | null} rect null: not seen */
  place(rect) {
    this.element.hidden = rect === null;
    if (!rect) return;
    const { style } = this.element;
    style.width = `${rect.width}px`;
    style.height = `${rect.height}px`;
    style.transform = `translate(${rect.x}px, ${rect.y}px)`;
    this.element.classList.toggle("small", rect.width < 220);
    this.element.classList.toggle("tiny", rect.width < 130);
  }

  close() {
    this.#video.srcObject = null;
    this.element.remove();
  }

  /**
   * Shows a track once its first own frame is there: a slot's last picture may be another person's.
   *
   * @param {MediaStreamTrack | null} track
   * @param {number} since
   */
  #show(track, since) {
    const video = this.#video;
    const shown = /** @type {MediaStream | null} */ (video.srcObject)?.getTracks()[0] ?? null;
    if (shown === track && (track === null || since === this.#since)) return;
    this.#since = since;
    this.element.classList.remove("has-picture");
    if (shown !== track) video.srcObject = track && new MediaStream([track]);
    if (!track) return;
    void video.play().catch(() => {});
    this.#awaitFrame(since);
  }

  /** @param {number} since */
  #awaitFrame(since) {
    if (!("requestVideoFrameCallback" in this.#video)) return void this.element.classList.add("has-picture");
    this.#video.requestVideoFrameCallback((now, { receiveTime = now }) => {
      if (this.#since !== since) return;
      if (receiveTime >= since) this.element.classList.add("has-picture");
      else this.#awaitFrame(since);
    });
  }
}

/**
 * @param {import("./icons.js").IconName} name
 * @param {string} label
 */
function badge(name, label) {
  return h("span", { class: `badge ${name}`, role: "img", "aria-label": label, title: label }, icon(name));
}
