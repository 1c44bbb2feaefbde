/** @import { Slot, Source, WantedLayers } from "../../protocol/types.js" */
/** @import { LinkReport, LinkState, RemoteTrack } from "../link.js" */
import { Emitter } from "../../protocol/emitter.js";
import { blockageOf, PATIENCE_MS } from "../blockage.js";
import { Gauge } from "../details.js";
import { withoutPath } from "../quality.js";
import { Redundancy } from "../redundancy.js";
import { Reporter } from "../report.js";
import { logFailure, Serial } from "../serial.js";
import { candidateInit } from "../sources.js";
import { describe, describedBy } from "../stereo.js";
import { Exchange } from "./exchange.js";
import { Path } from "./path.js";
import { Senders } from "./senders.js";
import { newestPacket, Silence } from "./silence.js";
import { Slots } from "./slots.js";

/** After so many offers in a row without an answer, the SFU is taken to have lost this connection. */
const MOST_UNANSWERED = 3;

/** @typedef {RTCIceCandidateInit | null} Candidate null: there are no more */

/**
 * How the connection reaches its SFU.
 *
 * @typedef {object} Signal
 * @property {(offer: {sdp: string, tracks: Record<string, Source>}) => Promise<boolean>} offer false: there is no SFU yet
 * @property {(sdp: string) => Promise<unknown>} answer
 * @property {(candidate: Candidate) => Promise<unknown>} candidate
 */

/**
 * What the SFU knows of this connection: nothing, since nobody has offered; nothing yet, since the first offer is on
 * its way; that it exists. Before it knows of the connection it would discard candidates: they wait.
 *
 * @typedef {{is: "idle", candidates: Candidate[]}
 *   | {is: "introducing", candidates: Candidate[]}
 *   | {is: "known", unanswered: number}
 *   | {is: "closed"}} Phase
 */

/**
 * @typedef {object} ConnectionEvents
 * @property {null} tracks the list of tracks, or who is in them, changed
 * @property {LinkState} state
 * @property {null} agreed an answer was accepted
 * @property {null} silent media has stopped
 * @property {null} dead the SFU has lost this connection: only a new one helps
 */

/**
 * One PeerConnection to one SFU. It offers our own tracks and a pool of receive-only slots, and answers the SFU's own
 * offers.
 *
 * @extends {Emitter<ConnectionEvents>}
 */
export class SfuConnection extends Emitter {
  #pc;
  #certificates;
  #signal;
  #slots;
  #senders;
  #path;
  #silence;
  #reporter = new Reporter();
  #redundancy = new Redundancy();
  #gauge = new Gauge();
  #work = new Serial();
  #exchange = new Exchange();
  /** @type {Phase} */
  #phase = { is: "idle", candidates: [] };
  /** @type {"nothing" | "offer" | "restart"} what waits in `#work`: requests that come meanwhile are served by one offer */
  #queued = "nothing";
  /** Counts the changes to the m-lines. */
  #revision = 0;
  /** The revision that the local offer describes while it is still unsent. */
  #drafted = NaN;

  /**
   * @param {object} options
   * @param {RTCIceServer[]} options.iceServers
   * @param {RTCCertificate[]} options.certificates none: the browser makes one
   * @param {Map<Source, MediaStreamTrack>} options.tracks what to send
   * @param {number} options.videoSlots
   * @param {Signal} options.signal
   */
  constructor({ iceServers, certificates, tracks, videoSlots, signal }) {
    super();
    this.#certificates = certificates;
    this.#signal = signal;
    this.#pc = new RTCPeerConnection({ iceServers, certificates, bundlePolicy: "max-bundle" });
    this.#senders = new Senders(this.#pc, tracks);
    this.#slots = new Slots(this.#pc, videoSlots);
    this.#path = new Path(this.#pc, {
      onState: (state) => this.emit("state", state),
      onRestart: () => this.#negotiate("restart"),
    });
    this.#silence = new Silence(
      () => this.#slots.receivers(),
      () => this.emit("silent", null),
    );
    this.#pc.onicecandidate = ({ candidate }) => this.#sendCandidate(candidate?.toJSON() ?? null);
    this.#pc.ontrack = (event) => this.#onTrack(event);
  }

  /**
   * Makes the first offer ahead of time, so that it can be sent the moment there is an SFU.
   *
   * @param {Promise<RTCIceServer[]>} iceServers no candidates are gathered before they are known
   */
  prepare(iceServers) {
    this.#work.run(() => this.#draft(iceServers.then((known) => this.setIceServers(known))));
  }

  /** Offers to the SFU. If there is none yet, to be called again; no effect while an offer is under way. */
  open() {
    if (this.#phase.is !== "idle") return;
    this.#phase = { is: "introducing", candidates: this.#phase.candidates };
    this.#path.begin();
    this.emit("state", "connecting");
    this.#negotiate("offer");
  }

  /** @param {number} count grows the pool of video slots */
  setVideoSlots(count) {
    if (this.#slots.grow(count)) this.#onLinesChanged();
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  setTrack(source, track) {
    const changed = this.#senders.setTrack(source, track);
    this.#work.run(() => this.#senders.applyEncodings());
    if (changed) this.#onLinesChanged();
  }

  /** @param {string} sdp */
  receiveAnswer(sdp) {
    this.#exchange.settle({ is: "answered", sdp });
  }

  /** @param {string} sdp an offer by the SFU, to which we yield (the polite side, RFC 8829 section 4.1.10.2) */
  receiveOffer(sdp) {
    const yielded = this.#exchange.isPending;
    this.#exchange.settle({ is: "void" });
    this.#work.run(async () => {
      await this.#pc.setRemoteDescription({ type: "offer", sdp });
      await describe(this.#pc);
      await this.#signal.answer(describedBy(this.#pc));
      if (yielded) this.#negotiate("offer");
    });
  }

  /** @param {string | RTCIceCandidateInit} candidate */
  receiveCandidate(candidate) {
    this.#work.run(() => this.#pc.addIceCandidate(candidateInit(candidate)));
  }

  /** @param {string} code why the SFU did not accept what was sent */
  receiveError(code) {
    if (code !== "not_found") this.#exchange.settle({ is: "late" });
    else if (this.#phase.is === "known" && !this.#exchange.isPending) this.emit("dead", null);
  }

  /** @param {Slot[]} slots the whole assignment */
  assign(slots) {
    this.#slots.assign(slots);
    this.emit("tracks", null);
  }

  /** @param {WantedLayers[]} videos what somebody watches of our videos */
  setWantedLayers(videos) {
    this.#senders.setWanted(videos);
    this.#work.run(() => this.#senders.applyEncodings());
  }

  /** @returns {RemoteTrack[]} */
  tracks() {
    return this.#slots.tracks();
  }

  /**
   * @param {RemoteTrack[]} tracks as another connection has them
   * @returns {boolean} whether the same media comes by this one
   */
  carries(tracks) {
    return tracks.every(({ userId, source }) => {
      if (userId === null) return true;
      const receiver = this.#slots.receiverOf(userId, source);
      return receiver !== null && newestPacket([receiver]) > 0;
    });
  }

  /** @returns {Promise<LinkReport>} */
  async report() {
    const read = await this.#reporter.read(this.#pc, (mid) => this.#slots.trackOf(mid));
    const isOpen = this.#phase.is === "introducing" || this.#phase.is === "known";
    if (isOpen) this.#path.check(read.alive);
    this.#redundancy.take(read.soundLoss, performance.now());
    if (this.#isSettled && this.#redundancy.apply(this.#senders.voice, performance.now())) this.#onLinesChanged();
    const qualities = this.#path.isInterrupted ? withoutPath(read.qualities) : read.qualities;
    return { ...read, qualities, blockage: this.#blockage() };
  }

  /** @returns {import("../blockage.js").Blockage | null} */
  #blockage() {
    if (this.#phase.is === "closed" || this.#path.downFor <= PATIENCE_MS) return null;
    const found = blockageOf(this.#pc, []);
    return this.#pc.currentRemoteDescription ? found : { ...found, cause: "unanswered" };
  }

  /** @returns {Promise<import("../details.js").Measured>} */
  details() {
    const own = this.#senders.sources();
    return this.#gauge.read(this.#pc, {
      remote: (mid) => this.#slots.trackOf(mid),
      own: (mid) => own[mid],
      userId: "",
    });
  }

  /**
   * The signaling is back after an interruption.
   *
   * @param {boolean} missed messages may be lost, either way; an offer makes the SFU say everything again
   */
  resume(missed) {
    if (this.#phase.is !== "known") return;
    if (!this.#path.isUp) this.#path.restart();
    else if (missed || this.#phase.unanswered > 0) this.#negotiate("offer");
  }

  /** @param {RTCIceServer[]} iceServers */
  setIceServers(iceServers) {
    // What it does not name it would change, which browsers refuse, or would undo what somebody has set besides us.
    const kept = { ...this.#pc.getConfiguration(), certificates: this.#certificates };
    this.#pc.setConfiguration({ ...kept, iceServers, bundlePolicy: "max-bundle" });
  }

  close() {
    this.#phase = { is: "closed" };
    this.#silence.stop();
    this.#path.close();
    this.#exchange.settle({ is: "void" });
    this.#pc.close();
  }

  /** Whether the SFU has answered all, so that what can wait may be offered. */
  get #isSettled() {
    const isAnswered = this.#phase.is === "known" && this.#phase.unanswered === 0 && !this.#exchange.isPending;
    return isAnswered && this.#path.isUp;
  }

  #onLinesChanged() {
    this.#revision++;
    this.#negotiate("offer");
  }

  /** @param {"offer" | "restart"} what restart: an offer that also restarts ICE */
  #negotiate(what) {
    if (this.#queued === "nothing") this.#work.run(() => this.#offer());
    if (this.#queued !== "restart") this.#queued = what;
  }

  async #offer() {
    const restart = this.#queued === "restart";
    this.#queued = "nothing";
    if (this.#phase.is === "idle" || this.#phase.is === "closed") return;
    if (restart) this.#pc.restartIce();
    if (restart || this.#drafted !== this.#revision) await this.#draft();
    this.#drafted = NaN;
    const outcome = this.#exchange.begin();
    if (await this.#send()) await this.#conclude(await outcome);
    else this.#exchange.settle({ is: "void" });
  }

  /** @param {Promise<void>} [ready] when candidates may be gathered */
  async #draft(ready) {
    const revision = this.#revision;
    await describe(this.#pc, ready);
    this.#drafted = revision;
  }

  /** @returns {Promise<boolean>} whether the offer reached the SFU */
  async #send() {
    const offer = { sdp: describedBy(this.#pc), tracks: this.#senders.sources() };
    const taken = await this.#signal.offer(offer).catch((error) => {
      logFailure(error);
      return false;
    });
    if (taken) this.#onKnown();
    else this.#onUnsent();
    return taken;
  }

  #onKnown() {
    if (this.#phase.is !== "introducing") return;
    const { candidates } = this.#phase;
    this.#phase = { is: "known", unanswered: 0 };
    for (const candidate of candidates) this.#sendCandidate(candidate);
  }

  /** The offer did not get as far as the SFU: another one goes out once the connection is opened again, or resumed. */
  #onUnsent() {
    if (this.#phase.is === "introducing") this.#phase = { is: "idle", candidates: this.#phase.candidates };
    else if (this.#phase.is === "known") this.#phase.unanswered++;
  }

  /** @param {import("./exchange.js").Outcome} outcome of an offer that the SFU took */
  async #conclude(outcome) {
    if (this.#phase.is !== "known") return;
    if (outcome.is === "late") return this.#onUnanswered(++this.#phase.unanswered);
    this.#phase.unanswered = 0;
    if (outcome.is === "void") return;
    await this.#pc.setRemoteDescription({ type: "answer", sdp: outcome.sdp });
    this.emit("agreed", null);
    this.#path.recover();
    await this.#senders.applyEncodings();
    this.emit("tracks", null);
  }

  /** @param {number} unanswered offers in a row */
  #onUnanswered(unanswered) {
    if (unanswered >= MOST_UNANSWERED) this.emit("dead", null);
    else if (this.#path.isUp) this.#negotiate("offer");
    else this.#path.restart();
  }

  /** @param {Candidate} candidate */
  #sendCandidate(candidate) {
    if (this.#phase.is === "known") this.#signal.candidate(candidate).catch(logFailure);
    else if (this.#phase.is !== "closed") this.#phase.candidates.push(candidate);
  }

  /** @param {RTCTrackEvent} event */
  #onTrack(event) {
    const changed = () => this.emit("tracks", null);
    if (this.#slots.adopt(event, changed)) changed();
  }
}
