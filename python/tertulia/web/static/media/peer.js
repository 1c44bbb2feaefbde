/** @import { Source } from "../protocol/types.js" */
/** @import { RemoteTrack } from "./sources.js" */
import { applyEncoding } from "./encoding.js";
import { Reporter } from "./report.js";
import { hint, kindOf } from "./sources.js";
import { report } from "./trouble.js";

/** The m-lines of a connection between two members, in this order: the first video is the camera, the second a screen. */
const LINES = /** @type {const} */ (["microphone", "camera", "screen"]);

/** @typedef {typeof LINES[number]} Line */

/**
 * @typedef {object} PeerSignal
 * @property {(sdp: string) => Promise<unknown>} offer
 * @property {(sdp: string) => Promise<unknown>} answer
 * @property {(candidate: RTCIceCandidateInit | null) => Promise<unknown>} candidate
 */

/** A connection to one other member, by perfect negotiation (W3C WebRTC, section 10.7). */
export class Peer {
  #pc;
  #signal;
  #polite;
  #userId;
  #changed;
  #makingOffer = false;
  #ignoringOffer = false;
  /** @type {"offer" | "answer" | null} a description that did not get as far as the hub */
  #unsent = null;
  /** @type {Map<Source, MediaStreamTrack>} */
  #sending;
  /** @type {RTCRtpTransceiver[]} in the order of LINES */
  #lines = [];
  /** @type {Promise<void>} */
  #chain = Promise.resolve();
  #reporter = new Reporter();

  /**
   * @param {object} options
   * @param {string} options.userId the other's
   * @param {boolean} options.polite yields when both offer at once
   * @param {RTCIceServer[]} options.iceServers
   * @param {PeerSignal} options.signal
   * @param {Map<Source, MediaStreamTrack>} options.sending
   * @param {() => void} options.changed tracks or state changed
   */
  constructor({ userId, polite, iceServers, signal, sending, changed }) {
    this.#userId = userId;
    this.#polite = polite;
    this.#signal = signal;
    this.#sending = new Map(sending);
    this.#changed = changed;
    this.#pc = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#pc.onnegotiationneeded = () => this.#offer();
    this.#pc.onicecandidate = ({ candidate }) => void signal.candidate(candidate?.toJSON() ?? null).catch(report);
    this.#pc.oniceconnectionstatechange = () => this.#onIceState();
  }

  /** Begins; who does not waits for the other's offer. */
  open() {
    for (const source of LINES) {
      const track = this.#sending.get(source);
      const direction = source === "screen" && !track ? "recvonly" : "sendrecv";
      this.#adopt(this.#pc.addTransceiver(track ?? kindOf(source), { direction, streams: [new MediaStream()] }));
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
      return [{ key: `${this.#userId}/${i}`, userId: this.#userId, source, kind: kindOf(source), track, since: 0 }];
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
    this.#queue(async () => {
      const collides = this.#makingOffer || this.#pc.signalingState !== "stable";
      this.#ignoringOffer = !this.#polite && collides;
      if (this.#ignoringOffer) return;
      await this.#pc.setRemoteDescription({ type: "offer", sdp });
      this.#adoptOffered();
      await this.#pc.setLocalDescription();
      await this.#send("answer");
      await this.#applyEncodings();
      this.#changed();
    });
  }

  /** @param {string} sdp */
  receiveAnswer(sdp) {
    this.#queue(async () => {
      if (this.#pc.signalingState !== "have-local-offer") return;
      await this.#pc.setRemoteDescription({ type: "answer", sdp });
      await this.#applyEncodings();
      this.#changed();
    });
  }

  /** @param {string | RTCIceCandidateInit} candidate */
  receiveCandidate(candidate) {
    const init = typeof candidate === "string" ? { candidate, sdpMLineIndex: 0 } : candidate;
    this.#queue(async () => {
      try {
        await this.#pc.addIceCandidate(init);
      } catch (error) {
        if (!this.#ignoringOffer) throw error;
      }
    });
  }

  report() {
    return this.#reporter.read(this.#pc, (mid) =>
      this.tracks().find(({ track }) => this.#lines.some((l) => l.mid === mid && l.receiver.track === track)),
    );
  }

  /** The signaling is back after an interruption: says again what may be lost, or finds a new path. */
  resume() {
    this.#queue(async () => {
      if (this.#unsent === "answer") await this.#send("answer");
      else if (this.#pc.signalingState === "have-local-offer") await this.#send("offer");
      else if (!this.isConnected) this.#pc.restartIce();
    });
  }

  /** @param {RTCIceServer[]} iceServers fresh ones: credentials expire. For the next path that is looked for */
  setIceServers(iceServers) {
    this.#pc.setConfiguration({ iceServers, bundlePolicy: "max-bundle" });
  }

  close() {
    this.#pc.close();
  }

  async #offer() {
    try {
      this.#makingOffer = true;
      await this.#pc.setLocalDescription();
      await this.#send("offer");
    } catch (error) {
      report(error);
    } finally {
      this.#makingOffer = false;
    }
  }

  /** @param {"offer" | "answer"} type of the local description */
  async #send(type) {
    this.#unsent = type;
    await this.#signal[type](this.#pc.localDescription?.sdp ?? "");
    this.#unsent = null;
  }

  /** Takes the m-lines of the other's offer for ours; what we had offered at the same time is void. */
  #adoptOffered() {
    const offered = this.#pc.getTransceivers().filter(({ mid }) => mid !== null);
    for (const line of this.#lines.filter(({ mid }) => mid === null)) line.stop();
    this.#lines = this.#lines.filter(({ mid }) => mid !== null);
    for (const line of offered) if (!this.#lines.includes(line)) this.#adopt(line);
  }

  /** @param {RTCRtpTransceiver} line */
  #adopt(line) {
    const i = this.#lines.push(line) - 1;
    line.receiver.track.onmute = line.receiver.track.onunmute = () => this.#changed();
    this.#put(line, LINES[i] ?? "screen");
  }

  /**
   * @param {RTCRtpTransceiver} line
   * @param {Source} source
   */
  #put(line, source) {
    const track = this.#sending.get(source) ?? null;
    if (track) hint(source, track);
    line.sender.replaceTrack(track).catch(report);
    this.#queue(() => this.#applyEncodings());
    const direction = source === "screen" && !track ? "recvonly" : "sendrecv";
    if (line.direction !== direction && line.direction !== "stopped") line.direction = direction;
  }

  /** Between negotiations only: browsers refuse it while one is under way. */
  async #applyEncodings() {
    if (this.#pc.signalingState !== "stable" || !this.#pc.currentRemoteDescription) return;
    for (const [i, { sender }] of this.#lines.entries()) await applyEncoding(sender, LINES[i] ?? "screen");
  }

  #onIceState() {
    const state = this.#pc.iceConnectionState;
    if (state === "failed" || state === "disconnected") this.#pc.restartIce();
    this.#changed();
  }

  /** @param {() => Promise<void>} step signaling messages take effect in the order they came */
  #queue(step) {
    this.#chain = this.#chain.then(step).catch(report);
  }
}
