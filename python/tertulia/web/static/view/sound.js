/** @import { RemoteTrack } from "../media/link.js" */
import { h } from "./dom.js";

/** Plays the others' sound: one element a track, on the chosen speaker. */
export class Sound {
  /** @type {Map<MediaStreamTrack, HTMLAudioElement>} */
  #players = new Map();
  #speaker = "";
  #onBlocked;

  /** @param {() => void} onBlocked the browser plays no sound before the person has pressed something */
  constructor(onBlocked) {
    this.#onBlocked = onBlocked;
    this.element = h("div", { hidden: true });
  }

  /** @param {RemoteTrack[]} tracks */
  update(tracks) {
    const wanted = new Set(tracks.filter(({ kind }) => kind === "audio").map(({ track }) => track));
    for (const [track, player] of this.#players) if (!wanted.has(track)) this.#drop(track, player);
    for (const track of wanted) if (!this.#players.has(track)) this.#add(track);
  }

  /** Tries again, in answer to a press. */
  start() {
    for (const player of this.#players.values()) this.#play(player);
  }

  /** @param {string} deviceId */
  setSpeaker(deviceId) {
    this.#speaker = deviceId;
    for (const player of this.#players.values()) void this.#direct(player);
  }

  close() {
    for (const [track, player] of this.#players) this.#drop(track, player);
  }

  /** @param {MediaStreamTrack} track */
  #add(track) {
    const player = h("audio", { autoplay: true, srcObject: new MediaStream([track]) });
    this.#players.set(track, player);
    this.element.append(player);
    void this.#direct(player);
    this.#play(player);
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {HTMLAudioElement} player
   */
  #drop(track, player) {
    player.srcObject = null;
    player.remove();
    this.#players.delete(track);
  }

  /** @param {HTMLAudioElement} player */
  #play(player) {
    player.play().catch((error) => error.name === "NotAllowedError" && this.#onBlocked());
  }

  /** @param {HTMLAudioElement} player the system's speaker if the chosen one is gone */
  async #direct(player) {
    if (!this.#speaker || !("setSinkId" in player)) return;
    await player.setSinkId(this.#speaker).catch(() => player.setSinkId(""));
  }
}
