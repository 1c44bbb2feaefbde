/** @import { RemoteTrack } from "../media/link.js" */
import { h } from "./dom.js";

/** People whose volume is remembered: of more, those whose was changed last. */
const MOST_VOLUMES = 100;

/** Plays the others' audio on the chosen speaker, each track by an element of its own. */
export class Sound {
  /** @type {Map<MediaStreamTrack, HTMLAudioElement>} */
  #players = new Map();
  #speaker = "";
  /** By userId, in [0, 1]; who is not in it is as loud as they come. Kept for this tab, so that a reload changes nothing. */
  #volumes;
  #volumesKey;
  /** @type {RemoteTrack[]} */
  #tracks = [];
  #onBlocked;

  /**
   * @param {string} roomId
   * @param {() => void} onBlocked the browser plays no audio before the person has clicked something
   */
  constructor(roomId, onBlocked) {
    this.#volumesKey = `tertulia.volumes.${roomId}`;
    this.#volumes = volumesFrom(sessionStorage.getItem(this.#volumesKey));
    this.#onBlocked = onBlocked;
    this.element = h("div", { hidden: true });
  }

  /** @param {RemoteTrack[]} tracks of which the audio is played */
  update(tracks) {
    this.#tracks = tracks;
    const wanted = new Set(tracks.filter(({ kind }) => kind === "audio").map(({ track }) => track));
    for (const [track, player] of this.#players) if (!wanted.has(track)) this.#drop(track, player);
    for (const track of wanted) if (!this.#players.has(track)) this.#add(track);
    this.#applyVolumes();
  }

  /**
   * @param {string} userId
   * @returns {number} how loud they are here, in [0, 1]
   */
  volumeOf(userId) {
    return this.#volumes.get(userId) ?? 1;
  }

  /**
   * @param {string} userId
   * @param {number} volume in [0, 1]
   */
  setVolume(userId, volume) {
    this.#volumes.delete(userId);
    this.#volumes.set(userId, volume);
    const kept = [...this.#volumes].slice(-MOST_VOLUMES);
    sessionStorage.setItem(this.#volumesKey, JSON.stringify(kept));
    this.#applyVolumes();
  }

  /** A track may be another person's from one moment to the next. */
  #applyVolumes() {
    for (const { track, userId } of this.#tracks) {
      const player = this.#players.get(track);
      if (player) player.volume = this.volumeOf(userId ?? "");
    }
  }

  /** Tries again, after a click. */
  start() {
    for (const player of this.#players.values()) this.#play(player);
  }

  /** @param {string} deviceId "" is the system default */
  setSpeaker(deviceId) {
    this.#speaker = deviceId;
    for (const player of this.#players.values()) void this.#direct(player);
  }

  /** Stops playing. */
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

  /** @param {HTMLAudioElement} player on the system default if the chosen speaker is gone */
  async #direct(player) {
    if (!("setSinkId" in player) || player.sinkId === this.#speaker) return;
    await player.setSinkId(this.#speaker).catch(() => player.setSinkId(""));
  }
}

/**
 * @param {string | null} text as it was kept
 * @returns {Map<string, number>} what of it makes sense
 */
function volumesFrom(text) {
  try {
    const isVolume = (/** @type {any} */ [, volume]) => volume >= 0 && volume <= 1;
    return new Map(JSON.parse(text ?? "[]").filter(isVolume));
  } catch {
    return new Map();
  }
}
