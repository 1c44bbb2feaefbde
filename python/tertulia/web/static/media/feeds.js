/** @import { Source } from "../protocol/types.js" */
/** @import { Effect, EffectLoss, Processed } from "./effects.js" */
import { Emitter } from "../protocol/emitter.js";

/** @typedef {{device: MediaStreamTrack, effect: Processed | null}} Feed what a source sends: its device, or what an effect makes of it */

/**
 * @typedef {object} FeedEvents
 * @property {{source: Source, track: MediaStreamTrack | null}} track a track started, was replaced, or ended
 * @property {Source} ended by the browser: it was unplugged, or "Stop sharing" was clicked there
 * @property {Source} interrupted its device has given nothing for a while, or gives something again
 * @property {{source: Source, loss: EffectLoss}} effectLost
 */

/** A device that gives nothing for this long is interrupted; cameras take a moment to begin. */
const INTERRUPTION_MS = 3000;

/**
 * The devices that are open, and what is made of them before it is sent.
 *
 * @extends {Emitter<FeedEvents>}
 */
export class Feeds extends Emitter {
  /** @type {Map<Source, Feed>} */
  #feeds = new Map();
  /** @type {Map<Source, Effect>} */
  #effects = new Map();
  /** @type {Map<Source, MediaStreamTrack>} devices whose effect is being loaded */
  #pending = new Map();
  /** @type {Map<Source, number>} counts what was asked of a source: an effect takes time to load, and the latest call wins */
  #asked = new Map();
  #mayRecord;
  #stopped = false;

  /** @param {(source: Source) => boolean} mayRecord false: silence is sent */
  constructor(mayRecord) {
    super();
    this.#mayRecord = mayRecord;
  }

  /**
   * @param {Source} source
   * @returns {MediaStreamTrack | null} the track as the device gives it
   */
  device(source) {
    return this.#feeds.get(source)?.device ?? null;
  }

  /**
   * @param {Source} source
   * @returns {MediaStreamTrack | null} the track that is sent
   */
  track(source) {
    const feed = this.#feeds.get(source);
    return feed ? sent(feed) : null;
  }

  /** @returns {Map<Source, MediaStreamTrack>} what is sent, by source */
  tracks() {
    return new Map([...this.#feeds].map(([source, feed]) => [source, sent(feed)]));
  }

  /**
   * @param {Source} source
   * @param {Effect | null} effect null: the device's own track is sent
   */
  async setEffect(source, effect) {
    if (effect) this.#effects.set(source, effect);
    else this.#effects.delete(source);
    const device = this.#pending.get(source) ?? this.device(source);
    if (device) await this.take(source, device);
  }

  /**
   * Sends what the effect makes of a device: nothing of it before the effect runs.
   *
   * @param {Source} source
   * @param {MediaStreamTrack} device
   */
  async take(source, device) {
    const turn = this.#ask(source);
    const effect = this.#effects.get(source);
    if (!effect) return this.#put(source, { device, effect: null });
    this.#pending.set(source, device);
    const isCurrent = () => this.#asked.get(source) === turn;
    try {
      /** @type {Processed | null} */
      let running = null;
      const processed = await effect(device, (loss) => {
        if (running && this.#feeds.get(source)?.effect === running) this.#lose(source, loss);
      });
      running = processed;
      if (isCurrent()) this.#put(source, { device, effect: processed });
      else this.#discard(source, device, processed);
    } catch (error) {
      console.warn(error);
      if (isCurrent()) this.#refuse(source, device);
      else this.#discard(source, device, null);
    }
  }

  /** The devices record, or send silence, as is wanted now. */
  applyMute() {
    for (const [source, feed] of this.#feeds) {
      const isOn = this.#mayRecord(source);
      feed.device.enabled = isOn;
      sent(feed).enabled = isOn;
    }
  }

  /** @param {Source} source */
  drop(source) {
    this.#ask(source);
    this.#pending.get(source)?.stop();
    this.#pending.delete(source);
    const feed = this.#feeds.get(source);
    if (!feed) return;
    close(feed);
    this.#feeds.delete(source);
    this.emit("track", { source, track: null });
  }

  /** Releases everything for good, also a device that is still being opened. */
  stop() {
    this.#stopped = true;
    for (const source of new Set([...this.#feeds.keys(), ...this.#pending.keys()])) this.drop(source);
  }

  /** @param {Source} source */
  #ask(source) {
    const turn = (this.#asked.get(source) ?? 0) + 1;
    this.#asked.set(source, turn);
    return turn;
  }

  /**
   * @param {Source} source
   * @param {Feed} feed
   */
  #put(source, feed) {
    const { device } = feed;
    this.#pending.delete(source);
    if (this.#stopped) return close(feed);
    const before = this.#feeds.get(source);
    before?.effect?.close();
    if (before && before.device !== device) before.device.stop();
    this.#feeds.set(source, feed);
    device.onended = () => this.device(source) === device && this.emit("ended", source);
    const tell = () => this.device(source) === device && this.emit("interrupted", source);
    const tellLater = () => void setTimeout(tell, INTERRUPTION_MS);
    device.onunmute = tell;
    device.onmute = tellLater;
    if (device.muted) tellLater();
    this.applyMute();
    this.emit("track", { source, track: sent(feed) });
  }

  /**
   * Something else was asked for meanwhile.
   *
   * @param {Source} source
   * @param {MediaStreamTrack} device
   * @param {Processed | null} processed
   */
  #discard(source, device, processed) {
    processed?.close();
    if (this.device(source) !== device && this.#pending.get(source) !== device) device.stop();
  }

  /**
   * The effect could not be loaded. A camera that is shown as it is goes on; one that would now show what the person
   * hides is off, until the effect is there or they do without it.
   *
   * @param {Source} source
   * @param {MediaStreamTrack} device
   */
  #refuse(source, device) {
    const feed = this.#feeds.get(source);
    const isShown = feed?.device === device && !feed.effect;
    this.#pending.delete(source);
    if (source === "microphone" || isShown) this.#effects.delete(source);
    if (source === "microphone") this.#put(source, { device, effect: null });
    else if (!isShown) {
      device.stop();
      this.drop(source);
    }
    this.emit("effectLost", { source, loss: "broken" });
  }

  /**
   * The effect has ended by itself: voices go on without it. A camera is off, until the effect is there again or the
   * person does without it.
   *
   * @param {Source} source
   * @param {EffectLoss} loss
   */
  #lose(source, loss) {
    const device = this.device(source);
    if (source === "microphone") this.#effects.delete(source);
    if (source === "microphone" && device) this.#put(source, { device, effect: null });
    else this.drop(source);
    this.emit("effectLost", { source, loss });
  }
}

/** @param {Feed} feed */
function sent({ device, effect }) {
  return effect?.track ?? device;
}

/** @param {Feed} feed */
function close({ device, effect }) {
  device.onended = device.onmute = device.onunmute = null;
  effect?.close();
  device.stop();
}
