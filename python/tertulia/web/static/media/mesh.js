/** @import { Hub } from "../protocol/hub.js" */
/** @import { Source } from "../protocol/types.js" */
/** @import { Link, LinkEvents, LinkOptions, LinkReport, LinkState, Quality, RemoteTrack, Signal } from "./link.js" */
import { Emitter } from "../protocol/emitter.js";
import { combined } from "./blockage.js";
import { SIGNALS } from "./link.js";
import { Peer } from "./peer.js";

/** A member who joins after us offers; one whose client does not know that gets our offer after this time. */
const OFFER_GRACE_MS = 3000;
/** Audio level from which someone counts as speaking. */
const SPEAKING_LEVEL = 0.02;

/**
 * What there is between us and another member: we wait for their offer, or there is a connection.
 *
 * @typedef {{is: "expected", timer: ReturnType<typeof setTimeout>} | {is: "connected", peer: Peer}} Member
 */

/**
 * The link of a room without an SFU (topology `p2p`): a connection to each other member. Whoever joined later offers.
 *
 * @implements {Link}
 * @extends {Emitter<LinkEvents>}
 */
export class Mesh extends Emitter {
  /** @type {Hub} */
  #hub;
  #roster;
  #userId;
  #iceServers;
  /** @type {Map<string, Member>} by userId */
  #members = new Map();
  #sending;
  /** @type {LinkState | null} what was told last */
  #state = null;
  #unsubscribe;
  /** Nothing to wait for: each connection comes up by itself. */
  agreed = Promise.resolve();

  /**
   * @param {LinkOptions} options whose roster has the members who were there before us
   * @param {Signal[]} [early] what they, and those who have come since, have said to us
   */
  constructor({ hub, roster, userId, iceServers, tracks }, early = []) {
    super();
    this.#hub = hub;
    this.#roster = roster;
    this.#userId = userId;
    this.#iceServers = iceServers ?? [];
    this.#sending = new Map(tracks);
    this.#unsubscribe = [
      hub.on("joined", () => this.#resume()),
      ...SIGNALS.map((event) => hub.on(event, (payload) => this.#hear({ event, payload }))),
      roster.on("joined", (member) => this.#expect(member.userId)),
      roster.on("left", (member) => this.#drop(member.userId)),
    ];
    for (const signal of early) this.#hear(signal);
    const others = roster.all.filter((member) => member.userId !== userId && !this.#members.has(member.userId));
    for (const member of others) this.#connect(member.userId).open();
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  setTrack(source, track) {
    if (track) this.#sending.set(source, track);
    else this.#sending.delete(source);
    for (const peer of this.#peers()) peer.setTrack(source, track);
  }

  /** Everyone sends everything. */
  setView() {}

  /** @param {RTCIceServer[]} iceServers */
  setIceServers(iceServers) {
    this.#iceServers = iceServers;
    for (const peer of this.#peers()) peer.setIceServers(iceServers);
  }

  /** @returns {RemoteTrack[]} */
  tracks() {
    return this.#peers().flatMap((peer) => peer.tracks());
  }

  /** @returns {Promise<LinkReport>} */
  async report() {
    const isAway = (/** @type {string} */ userId) => this.#roster.get(userId)?.isAway;
    const reports = await Promise.all(this.#peers().map((peer) => peer.report(isAway(peer.userId))));
    const levels = new Map(reports.flatMap((report) => [...report.levels]));
    const loud = [...levels].filter(([, level]) => level > SPEAKING_LEVEL).sort((a, b) => b[1] - a[1]);
    this.emit(
      "speakers",
      loud.map(([userId]) => userId),
    );
    const qualities = new Map(reports.flatMap((report) => [...report.qualities]));
    const filming = new Set(reports.flatMap((report) => [...report.filming]));
    const blockage = combined(reports.map((report) => report.blockage));
    return { qualities: qualities.set("", worst(reports)), filming, levels, blockage };
  }

  /** @returns {Promise<import("./details.js").Details>} */
  async details() {
    const all = await Promise.all(this.#peers().map((peer) => peer.details()));
    return { streams: all.flatMap(({ streams }) => streams), paths: all.flatMap(({ paths }) => paths), limits: [] };
  }

  close() {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const userId of [...this.#members.keys()]) this.#drop(userId);
  }

  /** @param {Signal} signal */
  #hear({ event, payload: { sourceUserId, sdp, candidate } }) {
    if (event === "ReceiveOffer") this.#connect(sourceUserId).receiveOffer(sdp);
    else if (event === "ReceiveAnswer") this.#peer(sourceUserId)?.receiveAnswer(sdp);
    else this.#peer(sourceUserId)?.receiveCandidate(candidate);
  }

  #peers() {
    return [...this.#members.values()].flatMap((member) => (member.is === "connected" ? [member.peer] : []));
  }

  /** @param {string} userId */
  #peer(userId) {
    const member = this.#members.get(userId);
    return member?.is === "connected" ? member.peer : null;
  }

  /** @param {string} userId a member who joined after us */
  #expect(userId) {
    if (userId === this.#userId || this.#members.has(userId)) return;
    this.#members.set(userId, {
      is: "expected",
      timer: setTimeout(() => this.#connect(userId).open(), OFFER_GRACE_MS),
    });
  }

  /**
   * @param {string} userId
   * @returns {Peer} the connection to a member, made if there is none
   */
  #connect(userId) {
    const member = this.#members.get(userId);
    if (member?.is === "connected") return member.peer;
    clearTimeout(member?.timer);
    const peer = this.#newPeer(userId);
    this.#members.set(userId, { is: "connected", peer });
    return peer;
  }

  /** @param {string} targetUserId */
  #newPeer(targetUserId) {
    return new Peer({
      userId: targetUserId,
      polite: this.#userId < targetUserId,
      iceServers: this.#iceServers,
      tracks: this.#sending,
      onChanged: () => this.#onChanged(),
      signal: {
        offer: (sdp) => this.#hub.call("SendOffer", { targetUserId, sdp }),
        answer: (sdp) => this.#hub.call("SendAnswer", { targetUserId, sdp }),
        candidate: (candidate) => this.#hub.call("SendIceCandidate", { targetUserId, candidate }),
      },
    });
  }

  /** @param {string} userId */
  #drop(userId) {
    const member = this.#members.get(userId);
    if (!member) return;
    this.#members.delete(userId);
    if (member.is === "expected") clearTimeout(member.timer);
    else member.peer.close();
    this.#onChanged();
  }

  /** The signaling is back after an interruption. */
  #resume() {
    for (const peer of this.#peers()) peer.resume();
  }

  #onChanged() {
    this.emit("tracks", null);
    const state = this.#peers().every((peer) => peer.isConnected) ? "connected" : "connecting";
    if (state === this.#state) return;
    this.#state = state;
    this.emit("state", state);
  }
}

/**
 * @param {LinkReport[]} reports of the connections
 * @returns {Quality} our own, on the connection where it is worst
 */
function worst(reports) {
  const own = reports.flatMap(({ qualities }) => qualities.get("") ?? []);
  return own.reduce((a, b) => (b.bars < a.bars ? b : a), { bars: 3, loss: 0, roundTrip: NaN, jitter: NaN });
}
