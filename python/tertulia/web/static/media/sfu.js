/** @import { Slot, Source } from "../protocol/types.js" */
/** @import { Link, LinkEvents, LinkReport, RemoteTrack } from "./sources.js" */
import { Emitter } from "../protocol/emitter.js";
import { applyEncoding } from "./encoding.js";
import { Reporter } from "./report.js";
import { hint, kindOf, SOURCES } from "./sources.js";
import { report } from "./trouble.js";

/** Voices heard at once: the loudest. More than four at the same time nobody can follow. */
const AUDIO_SLOTS = 4;
/** An answer later than this was lost: offer again. */
const ANSWER_TIMEOUT_MS = 5000;
/** Without anything from the SFU for this long (STUN answers count) the path is dead: restart ICE. */
const SILENCE_MS = 5000;
/** Pause between two ICE restarts, so that a slow path gets its chance. */
const RESTART_PAUSE_MS = 3000;
/** Offers without an answer after which the SFU is taken to have lost this connection. */
const MOST_UNANSWERED = 3;
/** A longer list of m-lines costs time at every negotiation; a page full of tiles and two screens need no more. */
export const MAX_VIDEO_SLOTS = 26;

/**
 * @typedef {object} Signal How the link reaches its SFU.
 * @property {(offer: {sdp: string, tracks: Record<string, Source>}) => Promise<boolean>} offer false: there is no SFU yet
 * @property {(sdp: string) => Promise<unknown>} answer
 * @property {(candidate: RTCIceCandidateInit | null) => Promise<unknown>} candidate
 */

/**
 * One PeerConnection to the SFU: own tracks, and a pool of receive-only slots that the SFU fills (`Slots`). A plain
 * SFU's own offers are answered too.
 *
 * @implements {Link}
 * @extends {Emitter<LinkEvents>}
 */
export class SfuLink extends Emitter {
  #pc;
  /** @type {Signal | null} */
  #signal = null;
  /** @type {Map<Source, RTCRtpTransceiver>} */
  #senders = new Map();
  /** @type {Map<Source, MediaStreamTrack>} what is being sent */
  #sending = new Map();
  /** @type {{kind: "audio" | "video", transceiver: RTCRtpTransceiver}[]} */
  #slots = [];
  /** @type {Map<string, RemoteTrack>} by mid */
  #assigned = new Map();
  /** @type {Map<string, RemoteTrack>} by mid: m-lines that the SFU itself offered */
  #offered = new Map();
  #reporter = new Reporter();
  /** @type {Promise<void>} negotiations, one after the other */
  #chain = Promise.resolve();
  #queued = false;
  /** The local description is an offer that says all there is to say. */
  #prepared = false;
  #restartWanted = false;
  #restartedAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #restartTimer;
  #unanswered = 0;
  /** The person was told that media stopped. */
  #interrupted = false;
  /** Before its first offer the SFU knows nothing of this connection, and takes nothing for it. */
  #isKnown = false;
  #aliveAt = 0;
  /** @type {((sdp: string | null | undefined) => void) | null} */
  #answered = null;
  /** @type {(RTCIceCandidateInit | null)[]} found before there was anyone to tell */
  #found = [];
  /** @type {() => void} */
  #onAgreed = () => {};
  /** @type {Promise<void>} the first answer was taken: from here on the browser connects by itself */
  agreed = new Promise((resolve) => (this.#onAgreed = resolve));

  /**
   * @param {RTCIceServer[]} iceServers
   * @param {number} videoSlots
   */
  constructor(iceServers, videoSlots) {
    super();
    this.#pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#pc.onicecandidate = ({ candidate }) => this.#sendCandidate(candidate?.toJSON() ?? null);
    this.#pc.oniceconnectionstatechange = () => this.#onIceState();
    this.#pc.ontrack = (event) => this.#onTrack(event);
    for (const source of /** @type {const} */ (["microphone", "camera"])) this.#addSender(source);
    for (let i = 0; i < AUDIO_SLOTS; i++) this.#addSlot("audio");
    this.setVideoSlots(videoSlots);
  }

  /** Makes the first offer ahead of time, so that it can go out the moment the SFU is known. */
  prepare() {
    this.#chain = this.#chain.then(async () => {
      await this.#pc.setLocalDescription();
      this.#prepared = true;
    });
  }

  /**
   * Begins: offers to the SFU. If there is none yet, to be called again; no effect while open.
   *
   * @param {Signal} signal
   */
  open(signal) {
    if (this.#signal) return;
    this.#signal = signal;
    this.#aliveAt = performance.now();
    this.emit("state", "connecting");
    this.#negotiate();
  }

  /** @param {number} wanted grows the pool of video slots; it never shrinks */
  setVideoSlots(wanted) {
    const count = this.#slots.filter((slot) => slot.kind === "video").length;
    const missing = Math.min(wanted, MAX_VIDEO_SLOTS) - count;
    for (let i = 0; i < missing; i++) this.#addSlot("video");
    if (missing > 0 && this.#signal) this.#negotiate();
  }

  /** @param {string} sdp */
  receiveAnswer(sdp) {
    this.#answered?.(sdp);
  }

  /** @param {string} sdp an offer by the SFU, which we yield to (the polite side, RFC 8829 section 4.1.10.2) */
  receiveOffer(sdp) {
    const interrupted = this.#answered !== null;
    this.#answered?.(null);
    this.#chain = this.#chain
      .then(async () => {
        await this.#pc.setRemoteDescription({ type: "offer", sdp });
        await this.#pc.setLocalDescription();
        await this.#signal?.answer(this.#pc.localDescription?.sdp ?? "");
        if (interrupted) this.#negotiate();
      })
      .catch(report);
  }

  /** @param {string | RTCIceCandidateInit} candidate */
  receiveCandidate(candidate) {
    const init = typeof candidate === "string" ? { candidate, sdpMLineIndex: 0 } : candidate;
    this.#chain = this.#chain.then(() => this.#pc.addIceCandidate(init)).catch(report);
  }

  /** @param {Slot[]} slots the whole assignment */
  assign(slots) {
    const before = this.#assigned;
    this.#assigned = new Map();
    for (const { mid, userId, source } of slots) {
      const slot = this.#slots.find(({ transceiver }) => transceiver.mid === mid);
      if (!slot || !userId) continue;
      const old = before.get(mid);
      const same = old?.userId === userId && old.source === source;
      const track = slot.transceiver.receiver.track;
      const since = same ? old.since : performance.now();
      this.#assigned.set(mid, { key: `${mid}/${userId}/${source}`, userId, source, kind: slot.kind, track, since });
    }
    this.emit("tracks", null);
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  setTrack(source, track) {
    if (track) {
      hint(source, track);
      this.#sending.set(source, track);
    } else this.#sending.delete(source);
    const screen = source === "screen" || source === "screen-audio";
    if (!this.#senders.has(source) && track) this.#addSender(source);
    const transceiver = this.#senders.get(source);
    if (!transceiver) return;
    transceiver.sender.replaceTrack(track).catch(report);
    this.#chain = this.#chain.then(() => this.#applyEncodings()).catch(report);
    if (!screen) return;
    transceiver.direction = track ? "sendonly" : "inactive";
    if (this.#signal) this.#negotiate();
  }

  /** @returns {RemoteTrack[]} */
  tracks() {
    return [...this.#assigned.values(), ...this.#idleAudio(), ...this.#offered.values()];
  }

  /** @returns {Promise<LinkReport>} */
  async report() {
    const read = await this.#reporter.read(this.#pc, (mid) => this.#assigned.get(mid) ?? this.#offered.get(mid));
    const now = performance.now();
    if (read.alive) {
      this.#aliveAt = now;
      this.#endInterruption();
    } else if (this.#signal && now - this.#aliveAt > SILENCE_MS) this.restart();
    return read;
  }

  /** Finds a new path to the same SFU (RFC 8445, section 9), for when media stopped. */
  restart() {
    clearTimeout(this.#restartTimer);
    const pause = this.#restartedAt + RESTART_PAUSE_MS - performance.now();
    if (pause > 0) {
      this.#restartTimer = setTimeout(() => !this.#pathIsUp() && this.restart(), pause);
      return;
    }
    this.#restartedAt = performance.now();
    this.#restartWanted = this.#interrupted = true;
    this.emit("state", "interrupted");
    this.#negotiate();
  }

  /**
   * The signaling is back after an interruption.
   *
   * @param {boolean} missed what was sent meanwhile may be lost, either way; an offer makes the SFU say everything again
   */
  resume(missed) {
    if (!this.#isKnown) return;
    if (!this.#pathIsUp()) this.restart();
    else if (missed || this.#unanswered > 0) this.#negotiate();
  }

  /** @param {RTCIceServer[]} iceServers fresh ones: credentials expire. For the next path that is looked for */
  setIceServers(iceServers) {
    this.#pc.setConfiguration({ iceServers, bundlePolicy: "max-bundle" });
  }

  /** @param {string} code why the SFU could not take what was sent */
  refuse(code) {
    if (code !== "not_found") this.#answered?.(undefined);
    else if (this.#isKnown && !this.#answered) this.emit("state", "dead");
  }

  close() {
    clearTimeout(this.#restartTimer);
    this.#signal = null;
    this.#answered?.(null);
    this.#pc.close();
  }

  /** @param {Source} source */
  #addSender(source) {
    const track = this.#sending.get(source) ?? kindOf(source);
    this.#prepared = false;
    this.#senders.set(source, this.#pc.addTransceiver(track, { direction: "sendonly", streams: [new MediaStream()] }));
  }

  /** @param {"audio" | "video"} kind */
  #addSlot(kind) {
    this.#prepared = false;
    this.#slots.push({ kind, transceiver: this.#pc.addTransceiver(kind, { direction: "recvonly" }) });
  }

  /** Audio slots are played from the start, so that a new speaker's first word is heard. @returns {RemoteTrack[]} */
  #idleAudio() {
    return this.#slots
      .filter(({ kind, transceiver: { mid } }) => kind === "audio" && mid !== null && !this.#assigned.has(mid))
      .map(({ transceiver: { mid, receiver } }) => ({
        key: `${mid}`,
        userId: null,
        source: "microphone",
        kind: "audio",
        track: receiver.track,
        since: 0,
      }));
  }

  /** Offers anew; requests that come while one is waiting are one. */
  #negotiate() {
    if (this.#queued) return;
    this.#queued = true;
    this.#chain = this.#chain.then(() => this.#offer()).catch(report);
  }

  async #offer() {
    this.#queued = false;
    if (!this.#signal || this.#pc.signalingState === "closed") return;
    if (this.#restartWanted) {
      this.#pc.restartIce();
      this.#restartWanted = this.#prepared = false;
    }
    if (!this.#prepared) await this.#pc.setLocalDescription();
    this.#prepared = false;
    const answer = this.#nextAnswer();
    try {
      const taken = await this.#signal.offer({ sdp: this.#pc.localDescription?.sdp ?? "", tracks: this.#ownTracks() });
      if (!taken) return this.#withdraw();
    } catch (error) {
      this.#withdraw();
      throw error;
    }
    this.#isKnown = true;
    this.#flushCandidates();
    const sdp = await answer;
    if (sdp === undefined) return this.#onUnanswered();
    this.#unanswered = 0;
    if (sdp === null) return;
    await this.#pc.setRemoteDescription({ type: "answer", sdp });
    this.#onAgreed();
    this.#endInterruption();
    await this.#applyEncodings();
    this.emit("tracks", null);
  }

  /** Nobody has heard the offer: another goes out when the link is opened again, or resumed. */
  #withdraw() {
    this.#answered?.(null);
    if (this.#isKnown) this.#unanswered++;
    else this.#signal = null;
  }

  #onUnanswered() {
    this.#unanswered++;
    if (this.#unanswered >= MOST_UNANSWERED) this.emit("state", "dead");
    else if (this.#pathIsUp()) this.#negotiate();
    else this.restart();
  }

  #pathIsUp() {
    const state = this.#pc.iceConnectionState;
    return state === "connected" || state === "completed";
  }

  /** An ICE restart of a path that is still good changes no state that the browser would tell of. */
  #endInterruption() {
    if (!this.#interrupted || !this.#pathIsUp()) return;
    this.#interrupted = false;
    this.emit("state", "connected");
  }

  /** Between negotiations only: browsers refuse it while one is under way. */
  async #applyEncodings() {
    if (this.#pc.signalingState !== "stable") return;
    for (const [source, { sender }] of this.#senders) await applyEncoding(sender, source);
  }

  /** @returns {Promise<string | null | undefined>} null: the SFU offered itself, or the link is closed; undefined: too late */
  #nextAnswer() {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(resolve, undefined), ANSWER_TIMEOUT_MS);
      this.#answered = (sdp) => {
        clearTimeout(timer);
        this.#settle(resolve, sdp);
      };
    });
  }

  /**
   * @param {(sdp: string | null | undefined) => void} resolve
   * @param {string | null | undefined} sdp
   */
  #settle(resolve, sdp) {
    this.#answered = null;
    resolve(sdp);
  }

  /** @returns {Record<string, Source>} mid → source of what is on the way out */
  #ownTracks() {
    /** @type {Record<string, Source>} */
    const tracks = {};
    for (const source of SOURCES) {
      const transceiver = this.#senders.get(source);
      if (transceiver?.mid && transceiver.direction !== "inactive") tracks[transceiver.mid] = source;
    }
    return tracks;
  }

  /** @param {RTCIceCandidateInit | null} candidate */
  #sendCandidate(candidate) {
    this.#found.push(candidate);
    this.#flushCandidates();
  }

  #flushCandidates() {
    const signal = this.#signal;
    if (!signal || !this.#isKnown) return;
    for (const candidate of this.#found.splice(0)) signal.candidate(candidate).catch(report);
  }

  #onIceState() {
    const state = this.#pc.iceConnectionState;
    if (this.#pathIsUp()) {
      this.#aliveAt = performance.now();
      this.#interrupted = false;
      this.emit("state", "connected");
    } else if (state === "disconnected" || state === "failed") this.restart();
  }

  /** @param {RTCTrackEvent} event a track of an m-line that the SFU offered; slots are known already */
  #onTrack({ track, transceiver, streams }) {
    const { mid } = transceiver;
    if (mid === null || this.#slots.some((slot) => slot.transceiver === transceiver)) return;
    const [userId = "", part] = (streams[0]?.id ?? "").split("/");
    const kind = /** @type {"audio" | "video"} */ (track.kind);
    const screen = kind === "video" ? "screen" : "screen-audio";
    const source = part === "screen" ? screen : kind === "video" ? "camera" : "microphone";
    this.#offered.set(mid, { key: `${mid}/${userId}`, userId, source, kind, track, since: performance.now() });
    track.onmute = () => this.#offered.delete(mid) && this.emit("tracks", null);
    this.emit("tracks", null);
  }
}
