/** @import { Source } from "../protocol/types.js" */
/** @import { Effect, EffectLoss } from "./effects.js" */
/** @import { Capture, VideoQuality } from "./encoding.js" */
/** @import { Crowd } from "./fitting.js" */
/** @import { ScreenContent } from "./sources.js" */
import { Emitter } from "../protocol/emitter.js";
import {
  isGranted,
  listDevices,
  openBoth,
  openCamera,
  openMicrophone,
  openOtherCamera,
  openScreen,
  resize,
} from "./devices.js";
import { Feeds } from "./feeds.js";
import { fitting, thisMachine } from "./fitting.js";

/** @typedef {"microphone" | "camera"} Device */

/**
 * @typedef {object} LocalEvents
 * @property {{source: Source, track: MediaStreamTrack | null}} track a track started, was replaced, or ended
 * @property {null} changed muted or unmuted
 * @property {Device} lost it was in use, and is gone: unplugged, or access to it was taken away
 * @property {Device} interrupted the system withholds what it records, or does so no longer
 * @property {{source: Source, loss: EffectLoss}} effectLost an effect has ended. The microphone goes on without it; a
 *   camera is off where it would show what the person hides
 */

/**
 * Our own microphone, camera and screen.
 *
 * @extends {Emitter<LocalEvents>}
 */
export class LocalMedia extends Emitter {
  #feeds = new Feeds((source) => source !== "microphone" || !this.#muted);
  /** Whether the person wants to be muted: also while there is no microphone, so that one which comes back is muted. */
  #muted = false;
  #wantsCamera = false;
  /** Counts what was asked of the camera: opening it takes time, and the latest call wins. */
  #cameraTurn = 0;
  /** The devices that the person is being asked for: nobody is asked twice. @type {Map<Device, Promise<void>>} */
  #asking = new Map();
  #isFlipping = false;
  #isPicking = false;
  /** @type {{microphone: string, camera: string, quality: VideoQuality}} */
  #choice;
  /** @type {Crowd} */
  #crowd = { people: 1, isMesh: false };
  /** @type {Capture | undefined} what the camera was opened in last */
  #capture;

  /** @param {{microphone: string, camera: string, quality: VideoQuality}} choice device ids; "" is the system default */
  constructor(choice) {
    super();
    this.#choice = { ...choice };
    this.#feeds.on("track", (change) => this.emit("track", change));
    this.#feeds.on("ended", (source) => this.#onEnded(source));
    this.#feeds.on("interrupted", (source) => isDevice(source) && this.emit("interrupted", source));
    this.#feeds.on("effectLost", (loss) => this.emit("effectLost", loss));
  }

  /**
   * The track of a source, if it is on.
   *
   * @param {Source} source
   * @returns {MediaStreamTrack | null}
   */
  track(source) {
    return this.#feeds.track(source);
  }

  /**
   * The track of a source as the device gives it, before any effect.
   *
   * @param {Source} source
   * @returns {MediaStreamTrack | null}
   */
  device(source) {
    return this.#feeds.device(source);
  }

  /** @returns {Map<Source, MediaStreamTrack>} what is sent, by source */
  tracks() {
    return this.#feeds.tracks();
  }

  /** Muted, or without a microphone. */
  get isMuted() {
    return this.#muted || !this.#feeds.device("microphone");
  }

  /** Whether there is a camera track. */
  get isVideoOn() {
    return this.#feeds.device("camera") !== null;
  }

  /**
   * Whether the system withholds what a device records: for a phone call, or by a privacy switch.
   *
   * @param {Device} what
   */
  isInterrupted(what) {
    return this.device(what)?.muted ?? false;
  }

  /** Whether our own picture is shown to us as by a mirror: not what a phone's rear camera films. */
  get isMirrored() {
    return this.device("camera")?.getSettings().facingMode !== "environment";
  }

  /** @returns {string} the id of the camera that is chosen; "" is the system default */
  get chosenCamera() {
    return this.#choice.camera;
  }

  /** Whether a screen is shared. */
  get isSharing() {
    return this.#feeds.device("screen") !== null;
  }

  /**
   * Turns on what is wanted, by one question to the person; a microphone as muted as it was.
   *
   * @param {Device[]} wanted
   * @returns {Promise<Map<Device, unknown>>} what could not be turned on, and why
   */
  async start(wanted) {
    this.#wantsCamera ||= wanted.includes("camera");
    const isForBoth = wanted.length > 1 && this.#asking.size === 0;
    const both = isForBoth ? openBoth({ ...this.#choice, quality: this.#fitting() }) : null;
    const open = (/** @type {Device} */ what) => (both ? this.#openOf(both, what) : this.#open(what));
    const outcomes = await Promise.allSettled(wanted.map((what) => this.#turnOn(what, () => open(what))));
    this.emit("changed", null);
    return new Map(wanted.flatMap((what, i) => reasonOf(outcomes[i], what)));
  }

  /**
   * A device out of both; by itself, if both together could not be opened. Somebody who has refused is not asked again.
   *
   * @param {Promise<Record<Device, MediaStreamTrack>>} both
   * @param {Device} what
   */
  async #openOf(both, what) {
    try {
      return (await both)[what];
    } catch (error) {
      const isRefused = error instanceof DOMException && error.name === "NotAllowedError";
      if (isRefused && !(await isGranted(what))) throw error;
      return this.#open(what);
    }
  }

  /** @param {Device} what */
  #open(what) {
    if (what === "microphone") return openMicrophone(this.#choice.microphone);
    return openCamera(this.#choice.camera, this.#fitting());
  }

  /**
   * @param {Device} what
   * @param {() => Promise<MediaStreamTrack>} open asks the person, unless they are being asked for it
   * @returns {Promise<void>} when it is on
   */
  #turnOn(what, open) {
    const asked = this.#asking.get(what);
    if (asked) return asked;
    const opened = open().finally(() => this.#asking.delete(what));
    const taken = opened.then((track) => this.#take(what, track));
    this.#asking.set(what, taken);
    return taken;
  }

  /**
   * @param {Device} what
   * @param {MediaStreamTrack} track of it, that has opened
   */
  async #take(what, track) {
    if (what === "camera" && !this.#wantsCamera) track.stop();
    else await this.#feeds.take(what, track);
  }

  /** @param {boolean} muted a muted microphone stays open and sends silence, so that unmuting is instant */
  async setMuted(muted) {
    this.#muted = muted;
    if (!muted && !this.#feeds.device("microphone")) {
      await this.#turnOn("microphone", () => this.#open("microphone"));
    }
    this.#feeds.applyMute();
    this.emit("changed", null);
  }

  /** @param {boolean} on turning it off releases the camera, and its light goes out */
  async setCamera(on) {
    if (on && this.isVideoOn) return;
    this.#wantsCamera = on;
    this.#cameraTurn++;
    if (on) await this.#turnOn("camera", () => this.#open("camera"));
    else this.#feeds.drop("camera");
  }

  /**
   * Sends what an effect makes of a device, from now on. The device stays open, and nobody is asked again.
   *
   * @param {Device} source
   * @param {Effect | null} effect null: the device's own track
   */
  async setEffect(source, effect) {
    await this.#feeds.setEffect(source, effect);
  }

  /**
   * Films in a size that suits the meeting, where the person left it to us.
   *
   * @param {Crowd} crowd
   */
  async fit(crowd) {
    this.#crowd = crowd;
    const before = this.#capture;
    const [device, track] = [this.device("camera"), this.track("camera")];
    if (!device || !track || this.#fitting() === before) return;
    await resize(device, this.#fitting());
    // Its layers have other sizes now.
    if (this.track("camera") === track) this.emit("track", { source: "camera", track });
  }

  #fitting() {
    this.#capture = fitting(this.#choice.quality, this.#crowd, thisMachine(), this.#capture);
    return this.#capture;
  }

  /**
   * Asks the person for a screen or window, once at a time, and shares it, with its sound if they wish and the system
   * can.
   *
   * @param {ScreenContent} content
   */
  async shareScreen(content) {
    if (this.#isPicking) return;
    this.#isPicking = true;
    try {
      const { video, audio } = await openScreen();
      video.contentHint = content;
      if (audio) await this.#feeds.take("screen-audio", audio);
      else this.#feeds.drop("screen-audio");
      await this.#feeds.take("screen", video);
    } finally {
      this.#isPicking = false;
    }
  }

  /** @param {ScreenContent} content what the screen that is shared shows from now on */
  setScreenContent(content) {
    const track = this.track("screen");
    if (!track) return;
    track.contentHint = content;
    this.emit("track", { source: "screen", track });
  }

  /** Stops sharing. */
  stopScreen() {
    this.#feeds.drop("screen-audio");
    this.#feeds.drop("screen");
  }

  /** @param {string} deviceId "" is the system default */
  async chooseMicrophone(deviceId) {
    this.#choice.microphone = deviceId;
    if (this.#feeds.device("microphone")) await this.#feeds.take("microphone", await this.#open("microphone"));
  }

  /**
   * Opens a device anew.
   *
   * @param {Device} what
   */
  async restart(what) {
    if (what === "microphone") await this.chooseMicrophone(this.#choice.microphone);
    else await this.chooseCamera({});
  }

  /** @param {{deviceId?: string, quality?: VideoQuality}} change */
  async chooseCamera({ deviceId = this.#choice.camera, quality = this.#choice.quality }) {
    Object.assign(this.#choice, { camera: deviceId, quality });
    await this.#reopenCamera(() => openCamera(deviceId, this.#fitting()));
  }

  /** @returns {Promise<boolean>} whether there is another camera to turn to */
  async canFlip() {
    return this.isVideoOn && (await listDevices()).cameras.length > 1;
  }

  /** Uses the phone's other camera, or the next one there is. One that is being turned to is waited for. */
  async flipCamera() {
    if (this.#isFlipping) return;
    this.#isFlipping = true;
    const before = this.#choice.camera;
    try {
      await this.#reopenCamera(async (current) => {
        const other = await openOtherCamera(current, this.#fitting());
        if (this.#choice.camera === before) this.#choice.camera = other.getSettings().deviceId ?? "";
        return other;
      });
    } finally {
      this.#isFlipping = false;
    }
  }

  /** @param {(current: MediaStreamTrack) => Promise<MediaStreamTrack>} open */
  async #reopenCamera(open) {
    const current = this.device("camera");
    if (!current) return;
    const turn = ++this.#cameraTurn;
    // Phones open one camera at a time.
    current.stop();
    try {
      const camera = await open(current);
      if (turn === this.#cameraTurn) await this.#feeds.take("camera", camera);
      else camera.stop();
    } catch (error) {
      if (turn === this.#cameraTurn) this.#feeds.drop("camera");
      throw error;
    }
  }

  /** Releases everything for good, also a device that is still being opened. */
  stop() {
    this.#feeds.stop();
  }

  /** @param {Source} source ended by the browser: it was unplugged, or "Stop sharing" was clicked there */
  #onEnded(source) {
    if (source === "screen") this.stopScreen();
    else this.#feeds.drop(source);
    this.emit("changed", null);
    if (isDevice(source)) this.emit("lost", source);
  }
}

/**
 * @param {Source} source
 * @returns {source is Device}
 */
function isDevice(source) {
  return source === "microphone" || source === "camera";
}

/**
 * @param {PromiseSettledResult<void> | undefined} outcome
 * @param {Device} what
 * @returns {[Device, unknown][]} with the reason, if it was not turned on
 */
function reasonOf(outcome, what) {
  return outcome?.status === "rejected" ? [[what, outcome.reason]] : [];
}
