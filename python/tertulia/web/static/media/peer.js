/** @import { Source } from "../protocol/types.js" */
/** @import { RemoteTrack } from "./link.js" */
import { blockageOf, PATIENCE_MS } from "./blockage.js";
import { Gauge } from "./details.js";
import { applyEncoding } from "./encoding.js";
import { Redundancy } from "./redundancy.js";
import { Reporter } from "./report.js";
import { logFailure, Serial } from "./serial.js";
import { candidateInit, hint, kindOf } from "./sources.js";
import { describe, describedBy } from "./stereo.js";

/** The m-lines of a connection between two members, in this order: the first of a kind is the person's, the second a screen's. */
const LINES = /** @type {const} */ (["microphone", "camera", "screen", "screen-audio"]);
/** Those that carry something only while a screen is shared. */
const SHARED = new Set(["screen", "screen-audio"]);
/** @typedef {typeof LINES[number]} Line */

/**
 * How the other member is reached.
 *
 * @typedef {object} PeerSignal
 * @property {(sdp: string) => Promise<unknown>} offer
 * @property {(sdp: string) => Promise<unknown>} answer
 * @property {(candidate: RTCIceCandidateInit | null) => Promise<unknown>} candidate
 */

/**
 * A connection to one other member, by perfect negotiation (W3C WebRTC, section 10.7). Since every step of it runs in
 * `#work`, two offers collide exactly if one arrives while ours is unanswered.
 */
export class Peer {
  #pc;
  #signal;
  #polite;
  #onChanged;
  #work = new Serial();
  #reporter = new Reporter();
  #redundancy = new Redundancy();
  #gauge = new Gauge();
  /** Since when there is no path; Infinity: there is one. */
  #downAt = performance.now();
  /** @type {"none" | "accepted" | "ignored"} what became of the other's last offer */
  #remoteOffer = "none";
  /** @type {"none" | "sent" | "lost"} how far our last answer got: one that did not reach the hub is sent again */
  #answer = "none";
  /** @type {Map<Source, MediaStreamTrack>} */
  #sending;
  /** @type {RTCRtpTransceiver[]} in the order of LINES */
  #lines = [];
  /** What is of one stream is played in sync: a face and a voice, a screen and its sound. */
  #streams = { person: new MediaStream(), screen: new MediaStream() };

  /**
   * @param {object} options
   * @param {string} options.userId the other's
   * @param {boolean} options.polite yields when both offer at once
   * @param {RTCIceServer[]} options.iceServers
   * @param {PeerSignal} options.signal
   * @param {Map<Source, MediaStreamTrack>} options.tracks what to send
   * @param {() => void} options.onChanged the tracks or the state changed
   */
  constructor({ userId, polite, iceServers, signal, tracks, onChanged }) {
    this.userId = userId;
    this.#polite = polite;
    this.#signal = signal;
    this.#sending = new Map(tracks);
    this.#onChanged = onChanged;
    this.#pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#pc.onnegotiationneeded = () => this.#work.run(() => this.#offer());
    this.#pc.onicecandidate = ({ candidate }) => void signal.candidate(candidate?.toJSON() ?? null).catch(logFailure);
    this.#pc.oniceconnectionstatechange = () => this.#onIceState();
  }

  /** Offers. A peer that is not opened waits for the other's offer. */
  open() {
    for (const source of LINES) {
      const track = this.#sending.get(source);
      const direction = SHARED.has(source) && !track ? "recvonly" : "sendrecv";
      this.#adopt(this.#pc.addTransceiver(track ?? kindOf(source), { direction, streams: [this.#streamOf(source)] }));
    }
  }

  get isConnected() {
    return this.#pc.connectionState === "connected";
  }

  /** @returns {RemoteTrack[]} */
  tracks() {
    return this.#lines.flatMap(({ receiver: { track }, currentDirection }, i) => {
      const source = LINES[i] ?? "screen";
      const receiving = currentDirection === "sendrecv" || currentDirection === "recvonly";
      if (!receiving) return [];
      return [{ key: `${this.userId}/${i}`, userId: this.userId, source, kind: kindOf(source), track, since: 0 }];
    });
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  setTrack(source, track) {
    if (track) this.#sending.set(source, track);
    else this.#sending.delete(source);
    const line = this.#lines[LINES.indexOf(/** @type {Line} */ (source))];
    if (line) this.#put(line, source);
  }

  /** @param {string} sdp */
  receiveOffer(sdp) {
    this.#work.run(async () => {
      const collides = this.#pc.signalingState !== "stable";
      this.#remoteOffer = collides && !this.#polite ? "ignored" : "accepted";
      if (this.#remoteOffer === "ignored") return;
      await this.#pc.setRemoteDescription({ type: "offer", sdp });
      this.#adoptOffered();
      await describe(this.#pc);
      await this.#sendAnswer();
      await this.#onAgreed();
    });
  }

  /** @param {string} sdp */
  receiveAnswer(sdp) {
    this.#work.run(async () => {
      if (this.#pc.signalingState !== "have-local-offer") return;
      await this.#pc.setRemoteDescription({ type: "answer", sdp });
      await this.#onAgreed();
    });
  }

  /** @param {string | RTCIceCandidateInit} candidate */
  receiveCandidate(candidate) {
    this.#work.run(async () => {
      try {
        await this.#pc.addIceCandidate(candidateInit(candidate));
      } catch (error) {
        if (this.#remoteOffer !== "ignored") throw error;
      }
    });
  }

  /**
   * @param {boolean} [isAway] the hub has lost the other, too: that nothing comes from them says nothing about our line
   * @returns {Promise<import("./link.js").LinkReport>}
   */
  async report(isAway = false) {
    const read = await this.#reporter.read(this.#pc, (mid) => this.#mediaOf(mid));
    this.#followLoss(read.soundLoss);
    if (isAway) read.qualities.delete("");
    // Who comes back has as long as who comes.
    if (isAway && this.#downAt !== Infinity) this.#downAt = performance.now();
    const isBlocked = performance.now() - this.#downAt > PATIENCE_MS;
    return { ...read, blockage: isBlocked ? blockageOf(this.#pc, [this.userId]) : null };
  }

  /** @param {number} loss of our voice since the last report */
  #followLoss(loss) {
    this.#redundancy.take(loss, performance.now());
    const isSettled = this.isConnected && this.#pc.signalingState === "stable";
    if (isSettled && this.#redundancy.apply(this.#lines[0], performance.now())) this.#work.run(() => this.#offer());
  }

  /** @returns {Promise<import("./details.js").Measured>} */
  details() {
    return this.#gauge.read(this.#pc, {
      remote: (mid) => this.#mediaOf(mid),
      own: (mid) => this.#sourceOf(mid),
      userId: this.userId,
    });
  }

  /** The signaling is back after an interruption: sends again what may be lost, or looks for another path. */
  resume() {
    this.#work.run(async () => {
      if (this.#answer === "lost") {
        await this.#sendAnswer();
        await this.#onAgreed();
      } else if (this.#pc.signalingState === "have-local-offer") await this.#signal.offer(this.#localSdp);
      else if (!this.isConnected) this.#pc.restartIce();
    });
  }

  /** @param {RTCIceServer[]} iceServers */
  setIceServers(iceServers) {
    this.#pc.setConfiguration({ iceServers, bundlePolicy: "max-bundle" });
  }

  close() {
    this.#pc.close();
  }

  /** @param {string} mid of an m-line that brings something of the other's */
  #mediaOf(mid) {
    return { userId: this.userId, source: this.#sourceOf(mid) ?? "screen" };
  }

  /** @param {string} mid */
  #sourceOf(mid) {
    return LINES[this.#lines.findIndex((line) => line.mid === mid)];
  }

  get #localSdp() {
    return describedBy(this.#pc);
  }

  async #offer() {
    // Otherwise the browser asks again once the negotiation under way is done.
    if (this.#pc.signalingState !== "stable") return;
    await describe(this.#pc);
    await this.#signal.offer(this.#localSdp);
  }

  async #sendAnswer() {
    this.#answer = "lost";
    await this.#signal.answer(this.#localSdp);
    this.#answer = "sent";
  }

  async #onAgreed() {
    await this.#applyEncodings();
    this.#onChanged();
  }

  /** Takes the m-lines of the other's offer for ours; those that we offered at the same time are void. */
  #adoptOffered() {
    const offered = this.#pc.getTransceivers().filter(({ mid }) => mid !== null);
    for (const line of this.#lines.filter(({ mid }) => mid === null)) line.stop();
    this.#lines = this.#lines.filter(({ mid }) => mid !== null);
    for (const line of offered.filter((one) => !this.#lines.includes(one))) {
      line.sender.setStreams(this.#streamOf(LINES[this.#lines.length] ?? "screen"));
      this.#adopt(line);
    }
  }

  /** @param {Source} source */
  #streamOf(source) {
    return SHARED.has(source) ? this.#streams.screen : this.#streams.person;
  }

  /** @param {RTCRtpTransceiver} line */
  #adopt(line) {
    const i = this.#lines.push(line) - 1;
    line.receiver.track.onmute = () => this.#onChanged();
    line.receiver.track.onunmute = () => this.#onChanged();
    this.#put(line, LINES[i] ?? "screen");
  }

  /**
   * @param {RTCRtpTransceiver} line
   * @param {Source} source
   */
  #put(line, source) {
    const track = this.#sending.get(source) ?? null;
    if (track) hint(source, track);
    line.sender.replaceTrack(track).catch(logFailure);
    this.#work.run(() => this.#applyEncodings());
    const direction = SHARED.has(source) && !track ? "recvonly" : "sendrecv";
    if (line.direction !== direction && line.direction !== "stopped") line.direction = direction;
  }

  /** Only between negotiations: browsers refuse it during one. */
  async #applyEncodings() {
    if (this.#pc.signalingState !== "stable" || !this.#pc.currentRemoteDescription) return;
    for (const [i, { sender }] of this.#lines.entries()) await applyEncoding(sender, LINES[i] ?? "screen");
  }

  #onIceState() {
    const state = this.#pc.iceConnectionState;
    if (state === "connected" || state === "completed") this.#downAt = Infinity;
    else if (this.#downAt === Infinity) this.#downAt = performance.now();
    if (state === "failed" || state === "disconnected") this.#pc.restartIce();
    this.#onChanged();
  }
}
