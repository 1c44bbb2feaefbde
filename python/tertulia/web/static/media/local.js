/** @import { Source } from "../protocol/types.js" */
/** @import { VideoQuality } from "./encoding.js" */
import { Emitter } from "../protocol/emitter.js";
import { isGranted, openBoth, openCamera, openMicrophone, openOtherCamera, openScreen } from "./devices.js";

/** @typedef {"microphone" | "camera"} Device */

/**
 * @typedef {object} LocalEvents
 * @property {{source: Source, track: MediaStreamTrack | null}} track a track started, was replaced, or ended
 * @property {null} changed muted or unmuted
 * @property {Device} lost it was in use, and is gone: unplugged, or access to it was taken away
 */

/**
 * Our own microphone, camera and screen.
 *
 * @extends {Emitter<LocalEvents>}
 */
export class LocalMedia extends Emitter {
  /** @type {Map<Source, MediaStreamTrack>} */
  #tracks = new Map();
  #muted = false;
  /** Counts the calls of setMuted: opening a microphone takes time, and the latest call wins. */
  #turn = 0;
  #stopped = false;
  /** @type {{microphone: string, camera: string, quality: VideoQuality}} */
  #choice;

  /** @param {{microphone: string, camera: string, quality: VideoQuality}} choice device ids; "" is the system default */
  constructor(choice) {
    super();
    this.#choice = { ...choice };
  }

  /**
   * The track of a source, if it is on.
   *
   * @param {Source} source
   * @returns {MediaStreamTrack | null}
   */
  track(source) {
    return this.#tracks.get(source) ?? null;
  }

  /** @returns {Map<Source, MediaStreamTrack>} a copy */
  tracks() {
    return new Map(this.#tracks);
  }

  /** Muted, or without a microphone. */
  get isMuted() {
    return this.#muted || !this.#tracks.has("microphone");
  }

  /** Whether there is a camera track. */
  get isVideoOn() {
    return this.#tracks.has("camera");
  }

  /** Whether a screen is shared. */
  get isSharing() {
    return this.#tracks.has("screen");
  }

  /**
   * Turns on what is wanted, by one question to the person.
   *
   * @param {Device[]} wanted
   * @returns {Promise<Map<Device, unknown>>} what could not be turned on, and why
   */
  async start(wanted) {
    if (wanted.length < 2) return this.#startEach(wanted);
    const turn = ++this.#turn;
    try {
      const { microphone, camera } = await openBoth(this.#choice);
      if (turn === this.#turn) this.#muted = false;
      microphone.enabled = !this.#muted;
      this.#put("microphone", microphone);
      this.#put("camera", camera);
      this.emit("changed", null);
      return new Map();
    } catch (error) {
      // Somebody who has refused is not asked again.
      const isRefused = error instanceof DOMException && error.name === "NotAllowedError";
      const may = await Promise.all(wanted.map(async (what) => !isRefused || (await isGranted(what))));
      const failed = await this.#startEach(wanted.filter((_, i) => may[i]));
      for (const [i, what] of wanted.entries()) if (!may[i]) failed.set(what, error);
      return failed;
    }
  }

  /** @param {Device[]} wanted */
  async #startEach(wanted) {
    /** @type {Map<Device, unknown>} */
    const failed = new Map();
    for (const what of wanted) {
      const start = what === "microphone" ? this.setMuted(false) : this.setCamera(true);
      await start.catch((error) => failed.set(what, error));
    }
    return failed;
  }

  /** @param {boolean} muted a muted microphone stays open and sends silence, so that unmuting is instant */
  async setMuted(muted) {
    const turn = ++this.#turn;
    if (!muted && !this.#tracks.has("microphone")) {
      this.#muted = true;
      await this.#openMicrophone();
      if (turn !== this.#turn) return;
    }
    this.#muted = muted;
    const track = this.#tracks.get("microphone");
    if (track) track.enabled = !muted;
    this.emit("changed", null);
  }

  /** @param {boolean} on turning it off releases the camera, and its light goes out */
  async setCamera(on) {
    if (!on) this.#drop("camera");
    else if (!this.isVideoOn) this.#put("camera", await openCamera(this.#choice.camera, this.#choice.quality));
  }

  /** Asks the person for a screen or window, and shares it. */
  async shareScreen() {
    const { video, audio } = await openScreen();
    if (audio) this.#put("screen-audio", audio);
    this.#put("screen", video);
  }

  /** Stops sharing. */
  stopScreen() {
    this.#drop("screen-audio");
    this.#drop("screen");
  }

  /** @param {string} deviceId "" is the system default */
  async chooseMicrophone(deviceId) {
    this.#choice.microphone = deviceId;
    if (this.#tracks.has("microphone")) await this.#openMicrophone();
  }

  /** @param {{deviceId?: string, quality?: VideoQuality}} change */
  async chooseCamera({ deviceId = this.#choice.camera, quality = this.#choice.quality }) {
    Object.assign(this.#choice, { camera: deviceId, quality });
    if (!this.isVideoOn) return;
    this.#tracks.get("camera")?.stop();
    try {
      this.#put("camera", await openCamera(deviceId, quality));
    } catch (error) {
      this.#drop("camera");
      throw error;
    }
  }

  /** Uses the phone's other camera, or the next one there is. */
  async flipCamera() {
    const current = this.#tracks.get("camera");
    if (!current) return;
    // Phones open one camera at a time.
    current.stop();
    try {
      this.#put("camera", await openOtherCamera(current, this.#choice.quality));
    } catch (error) {
      this.#drop("camera");
      throw error;
    }
  }

  /** Releases everything for good, also a device that is still being opened. */
  stop() {
    this.#stopped = true;
    for (const source of [...this.#tracks.keys()]) this.#drop(source);
  }

  async #openMicrophone() {
    const track = await openMicrophone(this.#choice.microphone);
    track.enabled = !this.#muted;
    this.#put("microphone", track);
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack} track
   */
  #put(source, track) {
    if (this.#stopped) return track.stop();
    this.#tracks.get(source)?.stop();
    this.#tracks.set(source, track);
    track.onended = () => this.#tracks.get(source) === track && this.#ended(source);
    this.emit("track", { source, track });
  }

  /** @param {Source} source ended by the browser: it was unplugged, or "Stop sharing" was clicked there */
  #ended(source) {
    if (source === "screen") this.stopScreen();
    else this.#drop(source);
    this.emit("changed", null);
    if (source === "microphone" || source === "camera") this.emit("lost", source);
  }

  /** @param {Source} source */
  #drop(source) {
    const track = this.#tracks.get(source);
    if (!track) return;
    track.onended = null;
    track.stop();
    this.#tracks.delete(source);
    this.emit("track", { source, track: null });
  }
}
