/** @import { Slot, Source } from "../../protocol/types.js" */
/** @import { RemoteTrack } from "../link.js" */

/** Voices heard at once: the loudest. Nobody can follow more than four. */
const AUDIO_SLOTS = 4;
/** More m-lines would cost time in every negotiation; a page full of tiles and two screens need no more. */
export const MAX_VIDEO_SLOTS = 26;

/** @typedef {{kind: "audio" | "video", transceiver: RTCRtpTransceiver}} Receiver */

/**
 * The m-lines that carry the others' media: a pool of receive-only slots that the SFU fills (`Slots`), and m-lines that
 * an SFU without slots offers by itself.
 */
export class Slots {
  #pc;
  /** @type {Receiver[]} */
  #pool = [];
  /** @type {Map<string, RemoteTrack>} by mid: who is in which slot */
  #assigned = new Map();
  /** @type {Map<string, RemoteTrack>} by mid: m-lines that the SFU offered */
  #offered = new Map();

  /**
   * @param {RTCPeerConnection} pc
   * @param {number} videos video slots to begin with
   */
  constructor(pc, videos) {
    this.#pc = pc;
    for (let i = 0; i < AUDIO_SLOTS; i++) this.#add("audio");
    this.grow(videos);
  }

  /**
   * @param {number} videos how many video slots there should be; the pool never shrinks
   * @returns {boolean} whether m-lines were added, so that an offer is needed
   */
  grow(videos) {
    const missing = Math.min(videos, MAX_VIDEO_SLOTS) - this.#pool.filter(({ kind }) => kind === "video").length;
    for (let i = 0; i < missing; i++) this.#add("video");
    return missing > 0;
  }

  /** @param {Slot[]} slots the whole assignment, which replaces the last one */
  assign(slots) {
    const before = this.#assigned;
    this.#assigned = new Map();
    for (const { mid, userId, source } of slots) {
      const slot = this.#pool.find(({ transceiver }) => transceiver.mid === mid);
      if (!slot || !userId) continue;
      const old = before.get(mid);
      const same = old?.userId === userId && old.source === source;
      const { track } = slot.transceiver.receiver;
      const since = same ? old.since : performance.now();
      this.#assigned.set(mid, { key: `${mid}/${userId}/${source}`, userId, source, kind: slot.kind, track, since });
    }
  }

  /**
   * Takes in the track of an m-line that the SFU offered. Its stream is called `userId/camera`, or `…/screen`.
   *
   * @param {RTCTrackEvent} event of any m-line; those of slots are known already
   * @param {() => void} onEnded
   * @returns {boolean} whether the track is new
   */
  adopt({ track, transceiver, streams }, onEnded) {
    const { mid } = transceiver;
    if (mid === null || this.#pool.some((slot) => slot.transceiver === transceiver)) return false;
    const [userId = "", part] = (streams[0]?.id ?? "").split("/");
    const kind = /** @type {"audio" | "video"} */ (track.kind);
    const source = sourceOf(kind, part === "screen");
    this.#offered.set(mid, { key: `${mid}/${userId}`, userId, source, kind, track, since: performance.now() });
    track.onmute = () => this.#offered.delete(mid) && onEnded();
    return true;
  }

  /**
   * @param {string} mid
   * @returns {RemoteTrack | undefined} whose media the m-line carries
   */
  trackOf(mid) {
    return this.#assigned.get(mid) ?? this.#offered.get(mid);
  }

  /** @returns {RTCRtpReceiver[]} those that somebody's media may come by */
  receivers() {
    return this.#pool.flatMap(({ transceiver: { mid, receiver } }) => (this.#assigned.has(mid ?? "") ? receiver : []));
  }

  /**
   * @param {string} userId
   * @param {Source} source
   * @returns {RTCRtpReceiver | null} null: their media has no slot
   */
  receiverOf(userId, source) {
    const slot = this.#pool.find(({ transceiver }) => {
      const track = this.#assigned.get(transceiver.mid ?? "");
      return track?.userId === userId && track.source === source;
    });
    return slot?.transceiver.receiver ?? null;
  }

  /** @returns {RemoteTrack[]} */
  tracks() {
    return [...this.#assigned.values(), ...this.#idleAudio(), ...this.#offered.values()];
  }

  /**
   * Empty audio slots are played too, so that a new speaker's first word is heard.
   *
   * @returns {RemoteTrack[]}
   */
  #idleAudio() {
    return this.#pool.flatMap(({ kind, transceiver: { mid, receiver } }) => {
      if (kind === "video" || mid === null || this.#assigned.has(mid)) return [];
      return [{ key: mid, userId: null, source: "microphone", kind, track: receiver.track, since: 0 }];
    });
  }

  /** @param {"audio" | "video"} kind */
  #add(kind) {
    this.#pool.push({ kind, transceiver: this.#pc.addTransceiver(kind, { direction: "recvonly" }) });
  }
}

/**
 * @param {"audio" | "video"} kind
 * @param {boolean} isScreen
 * @returns {Source}
 */
function sourceOf(kind, isScreen) {
  if (kind === "audio") return isScreen ? "screen-audio" : "microphone";
  return isScreen ? "screen" : "camera";
}
