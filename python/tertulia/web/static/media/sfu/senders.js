/** @import { Source, WantedLayers } from "../../protocol/types.js" */
import { applyEncoding, waysToSend } from "../encoding.js";
import { logFailure } from "../serial.js";
import { hint, kindOf, SOURCES } from "../sources.js";

/** The m-lines that carry our own tracks: microphone and camera from the start, a screen once one is shared. */
export class Senders {
  #pc;
  /** @type {Map<Source, RTCRtpTransceiver>} */
  #transceivers = new Map();
  /** @type {Map<string, WantedLayers>} by mid: what somebody watches, as far as the SFU has said it */
  #wanted = new Map();

  /**
   * @param {RTCPeerConnection} pc
   * @param {Map<Source, MediaStreamTrack>} tracks what to send from the start
   */
  constructor(pc, tracks) {
    this.#pc = pc;
    for (const source of SOURCES) {
      const track = tracks.get(source);
      if (track) hint(source, track);
      if (track || source === "microphone" || source === "camera") this.#add(source, track ?? kindOf(source));
    }
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   * @returns {boolean} whether the m-lines changed, so that an offer is needed
   */
  setTrack(source, track) {
    const transceiver = this.#transceivers.get(source);
    if (track) hint(source, track);
    if (!transceiver) return track !== null && this.#add(source, track);
    transceiver.sender.replaceTrack(track).catch(logFailure);
    if (source === "microphone" || source === "camera") return false;
    const direction = track ? "sendonly" : "inactive";
    const changed = transceiver.direction !== direction;
    transceiver.direction = direction;
    return changed;
  }

  /** @returns {RTCRtpTransceiver | undefined} the m-line of our voice */
  get voice() {
    return this.#transceivers.get("microphone");
  }

  /** @returns {Record<string, Source>} mid → source of the active m-lines */
  sources() {
    /** @type {Record<string, Source>} */
    const sources = {};
    for (const [source, { mid, direction }] of this.#transceivers) {
      if (mid !== null && direction !== "inactive") sources[mid] = source;
    }
    return sources;
  }

  /** Only between negotiations: browsers refuse it during one. */
  async applyEncodings() {
    if (this.#pc.signalingState !== "stable") return;
    for (const [source, { sender, mid }] of this.#transceivers) {
      await applyEncoding(sender, source, this.#wanted.get(mid ?? "") ?? null);
    }
  }

  /** @param {WantedLayers[]} videos what somebody watches; the rest is not sent after the next `applyEncodings` */
  setWanted(videos) {
    this.#wanted = new Map(videos.map((video) => [video.mid, video]));
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | "audio" | "video"} track
   */
  #add(source, track) {
    const [best, plain] = waysToSend(source);
    this.#transceivers.set(source, this.#transceiver(track, best, plain));
    return true;
  }

  /**
   * @param {MediaStreamTrack | "audio" | "video"} track
   * @param {RTCRtpTransceiverInit} how
   * @param {RTCRtpTransceiverInit} [otherwise] where the browser refuses that
   * @returns {RTCRtpTransceiver}
   */
  #transceiver(track, how, otherwise) {
    try {
      return this.#pc.addTransceiver(track, { direction: "sendonly", streams: [new MediaStream()], ...how });
    } catch (error) {
      if (!otherwise) throw error;
      return this.#transceiver(track, otherwise);
    }
  }
}
