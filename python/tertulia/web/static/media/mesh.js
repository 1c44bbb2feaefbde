/** @import { Source } from "../protocol/types.js" */
/** @import { Link, LinkEvents, LinkReport, RemoteTrack } from "./sources.js" */
import { Emitter } from "../protocol/emitter.js";
import { Peer } from "./peer.js";

/** A member that joined after us offers; a client that does not know so gets an offer after this time. */
const OFFER_GRACE_MS = 3000;

/**
 * @typedef {object} MeshSignal How the other members are reached.
 * @property {(userId: string, sdp: string) => Promise<unknown>} offer
 * @property {(userId: string, sdp: string) => Promise<unknown>} answer
 * @property {(userId: string, candidate: RTCIceCandidateInit | null) => Promise<unknown>} candidate
 */

/**
 * A connection to each other member (topology `p2p`). The one who came later offers.
 *
 * @implements {Link}
 * @extends {Emitter<LinkEvents>}
 */
export class Mesh extends Emitter {
  #selfId;
  #iceServers;
  #signal;
  /** @type {Map<string, Peer>} */
  #peers = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #waiting = new Map();
  /** @type {Map<Source, MediaStreamTrack>} */
  #sending = new Map();

  /**
   * @param {string} selfId
   * @param {RTCIceServer[]} iceServers
   * @param {MeshSignal} signal
   */
  constructor(selfId, iceServers, signal) {
    super();
    this.#selfId = selfId;
    this.#iceServers = iceServers;
    this.#signal = signal;
  }

  /** @param {string} userId a member who was there before us: we offer */
  call(userId) {
    if (!this.#peers.has(userId)) this.#peer(userId).open();
  }

  /** @param {string} userId a member who came after us: it offers */
  expect(userId) {
    if (this.#peers.has(userId) || this.#waiting.has(userId)) return;
    this.#waiting.set(
      userId,
      setTimeout(() => this.call(userId), OFFER_GRACE_MS),
    );
  }

  /** @param {string} userId */
  drop(userId) {
    clearTimeout(this.#waiting.get(userId));
    this.#waiting.delete(userId);
    this.#peers.get(userId)?.close();
    this.#peers.delete(userId);
    this.#changed();
  }

  /**
   * @param {string} userId
   * @param {string} sdp
   */
  receiveOffer(userId, sdp) {
    this.#peer(userId).receiveOffer(sdp);
  }

  /**
   * @param {string} userId
   * @param {string} sdp
   */
  receiveAnswer(userId, sdp) {
    this.#peers.get(userId)?.receiveAnswer(sdp);
  }

  /**
   * @param {string} userId
   * @param {string | RTCIceCandidateInit} candidate
   */
  receiveCandidate(userId, candidate) {
    this.#peers.get(userId)?.receiveCandidate(candidate);
  }

  /**
   * @param {Source} source a screen's sound is not sent: the m-lines of a pair are three
   * @param {MediaStreamTrack | null} track
   */
  setTrack(source, track) {
    if (source === "screen-audio") return;
    if (track) this.#sending.set(source, track);
    else this.#sending.delete(source);
    for (const peer of this.#peers.values()) peer.setTrack(source, track);
  }

  /** The signaling is back after an interruption. */
  resume() {
    for (const peer of this.#peers.values()) peer.resume();
  }

  /** @param {RTCIceServer[]} iceServers fresh ones: credentials expire */
  setIceServers(iceServers) {
    this.#iceServers = iceServers;
    for (const peer of this.#peers.values()) peer.setIceServers(iceServers);
  }

  /** @returns {RemoteTrack[]} */
  tracks() {
    return [...this.#peers.values()].flatMap((peer) => peer.tracks());
  }

  /** @returns {Promise<LinkReport>} */
  async report() {
    const reports = await Promise.all([...this.#peers.values()].map((peer) => peer.report()));
    const own = reports.map(({ qualities }) => qualities.get("")).filter((q) => q !== undefined);
    const worst = own.reduce((a, b) => (b.bars < a.bars ? b : a), { bars: 3, loss: 0, roundTrip: NaN, jitter: NaN });
    const qualities = new Map(reports.flatMap((r) => [...r.qualities]));
    return { qualities: qualities.set("", worst), levels: new Map(reports.flatMap((r) => [...r.levels])) };
  }

  close() {
    for (const userId of [...this.#waiting.keys(), ...this.#peers.keys()]) this.drop(userId);
  }

  /** @param {string} userId */
  #peer(userId) {
    clearTimeout(this.#waiting.get(userId));
    this.#waiting.delete(userId);
    const known = this.#peers.get(userId);
    if (known) return known;
    const peer = new Peer({
      userId,
      polite: this.#selfId < userId,
      iceServers: this.#iceServers,
      sending: this.#sending,
      changed: () => this.#changed(),
      signal: {
        offer: (sdp) => this.#signal.offer(userId, sdp),
        answer: (sdp) => this.#signal.answer(userId, sdp),
        candidate: (candidate) => this.#signal.candidate(userId, candidate),
      },
    });
    this.#peers.set(userId, peer);
    return peer;
  }

  #changed() {
    this.emit("tracks", null);
    this.emit("state", [...this.#peers.values()].every((peer) => peer.isConnected) ? "connected" : "connecting");
  }
}
