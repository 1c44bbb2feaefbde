/** @import { Quality } from "../media/link.js" */
/** @import { Key } from "../words/say.js" */
/** @import { Rect } from "./layout.js" */
/** @import { Picture } from "./picture.js" */
import { isolated, percent, plain, say, seen } from "../words.js";
import { Arrival } from "./arrival.js";
import { fill, h, initials, label, tint } from "./dom.js";
import { bars, icon } from "./icons.js";
import { Steady } from "./steady.js";

/**
 * @typedef {object} TileState
 * @property {string} name
 * @property {boolean} isMuted
 * @property {boolean} isAway
 * @property {boolean} handRaised
 * @property {boolean} isLeftOut the meeting is recorded, but they are not
 * @property {boolean} speaking
 * @property {boolean} pinned
 * @property {MediaStreamTrack | null} track null: only the avatar is shown
 * @property {number} since performance.now(): frames received before are someone else's
 * @property {boolean} isOn whether they say that the camera is on
 * @property {boolean} isMirrored
 */

/** @type {Key[]} by the number of bars */
const QUALITIES = ["quality.none", "quality.poor", "quality.fair", "quality.good"];

/** At most so many where our line does not take the whole quality of a picture. */
const LIMITED_BARS = 2;

/** @type {Quality} where nothing could be measured */
const UNKNOWN = { bars: 0, loss: 0, roundTrip: NaN, jitter: NaN };

/**
 * What a tile's pin says: of a person, of ourselves, of a screen, of our own.
 *
 * @type {Record<"person" | "self" | "screen" | "ownScreen", {pin: Key, unpin: Key}>}
 */
const PINS = {
  person: { pin: "tile.pin", unpin: "tile.unpin" },
  self: { pin: "tile.pinSelf", unpin: "tile.unpinSelf" },
  screen: { pin: "tile.pinScreen", unpin: "tile.unpinScreen" },
  ownScreen: { pin: "tile.pinOwnScreen", unpin: "tile.unpinOwnScreen" },
};

/** The tile of a person, or of a screen. */
export class Tile {
  #picture;
  #arrival = new Arrival();
  #name = h("span", { class: "name" });
  #badges = h("span", { class: "badges" });
  #leftOut = h(
    "span",
    { class: "left-out", hidden: true },
    icon("notRecorded"),
    h("span", {}, say("tile.notRecorded")),
  );
  #away = h("div", { class: "away" }, say("person.reconnecting"));
  #signal = h("span", { class: "signal", role: "img" }, bars());
  #pin;
  #volume;
  #isSelf;
  #isScreen;
  /** @type {Quality | null} null: not measured yet */
  #quality = null;
  #expectsPicture = false;
  #isAway = false;
  #isPaused = false;
  #limited = new Steady();

  /**
   * @param {object} options
   * @param {string} options.userId
   * @param {boolean} options.isSelf
   * @param {boolean} options.isScreen
   * @param {Picture} options.picture
   * @param {() => void} options.onPin
   * @param {() => void} options.onVolume
   * @param {(visible: boolean) => void} options.onPicture there is one from now on, or none
   */
  constructor({ userId, isSelf, isScreen, picture, onPin, onVolume, onPicture }) {
    this.#isSelf = isSelf;
    this.#isScreen = isScreen;
    this.#picture = picture;
    this.#pin = h("button", { type: "button", class: "pin", onclick: onPin }, icon("pin"));
    this.#volume = h(
      "button",
      { type: "button", class: "pin volume", onclick: onVolume, hidden: isSelf },
      icon("speaker"),
    );
    this.element = h(
      "article",
      { class: `tile ${isScreen ? "screen" : isSelf ? "person own" : "person"}`, ondblclick: onPin },
      h("div", { class: `avatar ${tint(userId)}` }),
      picture.video,
      this.#away,
      h("div", { class: "plate" }, this.#badges, this.#name, this.#leftOut),
      this.#signal,
      this.#volume,
      this.#pin,
    );
    this.element.dataset.user = userId;
    this.#showQuality();
    picture.follow((visible) => {
      this.element.classList.toggle("has-picture", visible);
      this.#showQuality();
      onPicture(visible);
    });
  }

  /** @param {TileState} state what to show */
  update(state) {
    const { name, isMuted, isAway, handRaised, isLeftOut, speaking, pinned } = state;
    const title = this.#title(name);
    fill(this.#name, title);
    // What there is no room for.
    this.#name.title = seen(title);
    this.#leftOut.hidden = !isLeftOut;
    fill(/** @type {HTMLElement} */ (this.element.querySelector(".avatar")), h("span", {}, initials(name)));
    const marks = [
      handRaised && badge("hand", say("person.handRaised")),
      isMuted && badge("micOff", say("person.muted")),
    ];
    fill(this.#badges, ...marks.filter((mark) => mark !== false));
    this.element.setAttribute("aria-label", plain(title));
    this.element.classList.toggle("is-speaking", speaking);
    this.element.classList.toggle("is-away", isAway);
    this.element.classList.toggle("has-hand", handRaised);
    this.#isAway = isAway;
    this.#showAbsence();
    label(this.#pin, say(PINS[this.#kind][pinned ? "unpin" : "pin"], { name }));
    this.#pin.setAttribute("aria-pressed", String(pinned));
    label(this.#volume, say("volume.of", { name }));
    this.#picture.video.classList.toggle("mirrored", state.isMirrored);
    this.#picture.show(state);
    this.#expectsPicture = state.isOn && !this.#isSelf;
    this.#expect();
    this.#showQuality();
  }

  /** @param {string} name */
  #title(name) {
    if (this.#isScreen) return this.#isSelf ? say("tile.ownScreen") : say("tile.screen", { name });
    return this.#isSelf ? say("tile.self", { name }) : isolated(name);
  }

  get #kind() {
    if (this.#isScreen) return this.#isSelf ? "ownScreen" : "screen";
    return this.#isSelf ? "self" : "person";
  }

  /** @param {boolean} isPaused the server does not send this video: our line is too narrow for it */
  setPaused(isPaused) {
    this.#isPaused = isPaused;
    this.#expect();
    this.#showAbsence();
    this.#showQuality();
  }

  /** @param {boolean} isLimited our line does not take all of this video that would fill the tile */
  setLimited(isLimited) {
    this.#limited.set(isLimited, performance.now());
  }

  /** Says over the last picture why no more come. */
  #showAbsence() {
    this.#away.hidden = !this.#isAway && !this.#isPaused;
    fill(this.#away, say(this.#isAway ? "person.reconnecting" : "tile.paused"));
  }

  /** A camera sends all the time. A screen that stands still need not. */
  #expect() {
    this.#arrival.expect(this.#expectsPicture && !this.#isScreen && !this.#isPaused);
  }

  /**
   * @param {Quality | null} quality of this person's media; null: there is none that could be measured
   * @param {boolean} isFilming whether something has come from their camera since the last report
   */
  takeReport(quality, isFilming) {
    this.#quality = quality;
    this.#arrival.take(isFilming);
    this.#showQuality();
  }

  /** A connection is not good while the picture does not come, or comes no more. */
  #showQuality() {
    const hasPicture = this.element.classList.contains("has-picture");
    const isMissing = this.#arrival.isMissing || (this.#expectsPicture && !hasPicture && this.#quality !== null);
    this.#signal.hidden = this.#quality === null && !isMissing;
    const { bars: measured, loss, roundTrip } = this.#quality ?? UNKNOWN;
    const isLimited = measured >= LIMITED_BARS && this.#limited.at(performance.now());
    const count = isMissing ? 0 : isLimited ? LIMITED_BARS : measured;
    const line = isMissing ? "quality.noPicture" : isLimited ? "tile.limited" : QUALITIES[count];
    const words = say(this.#isPaused ? "tile.paused" : (line ?? "quality.none"));
    const figures = [
      !Number.isNaN(roundTrip) && say("quality.delay", { milliseconds: Math.round(roundTrip) }),
      loss > 0.005 && say("quality.lost", { percent: percent(loss) }),
    ];
    this.#signal.dataset.bars = String(count);
    label(this.#signal, words, [words, ...figures.filter((figure) => figure !== false)].join(" · "));
  }

  /** @param {Rect} rect */
  place(rect) {
    const { style } = this.element;
    style.width = `${rect.width}px`;
    style.height = `${rect.height}px`;
    style.transform = `translate(${rect.x}px, ${rect.y}px)`;
    this.element.classList.toggle("small", rect.width < 220);
    this.element.classList.toggle("tiny", rect.width < 130);
  }

  /** Removes the tile. */
  close() {
    this.#picture.close();
    this.element.remove();
  }
}

/**
 * @param {import("./icons.js").IconName} name
 * @param {string} words
 */
function badge(name, words) {
  const element = h("span", { class: `badge ${name}`, role: "img" }, icon(name));
  label(element, words);
  return element;
}
