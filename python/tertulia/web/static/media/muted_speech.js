/** @import { LocalMedia } from "./local.js" */
import { LevelMeter } from "./level.js";

/** Level, of a meter from 0 to 1, from which a microphone hears speech: a quiet voice, above a fan or typing. */
const SPEECH = 0.12;
/** A word is longer than a click or a cough. */
const WORD_MS = 400;
/** Within a word the level may fall for this time. */
const GAP_MS = 250;
/** A spell of speech ends with so much silence: whoever talks with someone in the room is told once. */
const SPELL_MS = 15_000;
/** How often the level is read. */
const READ_MS = 50;

/** Finds spells of speech in the levels of a microphone. */
export class Spells {
  /** When the word that is heard began; NaN: none is. */
  #since = NaN;
  #heardAt = -Infinity;
  #isTold = false;

  /**
   * @param {number} level in [0, 1]
   * @param {number} now milliseconds
   * @returns {boolean} whether a spell begins; true once for each
   */
  hear(level, now) {
    if (level < SPEECH) return false;
    if (now - this.#heardAt > SPELL_MS) this.#isTold = false;
    if (!(now - this.#heardAt <= GAP_MS)) this.#since = now;
    this.#heardAt = now;
    if (this.#isTold || now - this.#since < WORD_MS) return false;
    this.#isTold = true;
    return true;
  }
}

/**
 * Notices when somebody speaks who is muted. It listens to a copy of the microphone's track that is not sent anywhere,
 * and only while we are muted.
 */
export class MutedSpeech {
  #local;
  #mayListen;
  #onSpeech;
  #spells = new Spells();
  /** @type {{device: MediaStreamTrack, copy: MediaStreamTrack, meter: LevelMeter, timer: ReturnType<typeof setInterval>} | null} */
  #listening = null;

  /**
   * @param {LocalMedia} local
   * @param {object} options
   * @param {() => boolean} options.mayListen asked when the microphone changes, and at {@link MutedSpeech.update}
   * @param {() => void} options.onSpeech called once for each spell of speech
   */
  constructor(local, { mayListen, onSpeech }) {
    this.#local = local;
    this.#mayListen = mayListen;
    this.#onSpeech = onSpeech;
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    const update = () => this.update();
    this.update();
    return [this.#local.on("track", update), this.#local.on("changed", update), () => this.#stop()];
  }

  /** Begins or ends to listen, as is wanted now. */
  update() {
    const device = this.#local.isMuted && this.#mayListen() ? this.#local.device("microphone") : null;
    if (this.#listening?.device === device) return;
    this.#stop();
    if (device) this.#start(device);
  }

  /** @param {MediaStreamTrack} device */
  #start(device) {
    const copy = device.clone();
    copy.enabled = true;
    const meter = new LevelMeter();
    meter.listenTo(copy);
    const read = () => this.#spells.hear(meter.read(), performance.now()) && this.#onSpeech();
    this.#listening = { device, copy, meter, timer: setInterval(read, READ_MS) };
  }

  #stop() {
    if (!this.#listening) return;
    const { copy, meter, timer } = this.#listening;
    this.#listening = null;
    clearInterval(timer);
    meter.close();
    copy.stop();
  }
}
