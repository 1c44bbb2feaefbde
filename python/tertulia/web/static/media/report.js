/** @import { Source } from "../protocol/types.js" */
/** @import { LinkReport } from "./link.js" */
import { Counters, judge, withoutPath } from "./quality.js";

/** @typedef {{received: number, lost: number, jitter: number}} Flow packets since the last report; jitter in seconds */
/** @typedef {{userId: string | null, source: Source}} Media whose it is; null: nobody's */

/**
 * @typedef {object} Sums What one pass over the statistics adds up.
 * @property {Map<string, Flow>} flows by userId, what they send
 * @property {Set<string>} filming userIds of those from whose camera something came
 * @property {Map<string, number>} levels
 * @property {Flow} upload what is sent, as the receiver reports it (RTCP)
 * @property {number} soundLoss share of our sound that is lost, by the reports that have come since the last look
 * @property {number} roundTrip seconds; NaN unknown
 * @property {number} incoming bytes and STUN responses since the last report
 */

/** Reads the statistics of one PeerConnection (W3C webrtc-stats) as the quality of each person's media. */
export class Reporter {
  #counters = new Counters();

  /**
   * @param {RTCPeerConnection} pc
   * @param {(mid: string) => Media | undefined} mediaOf what an m-line carries; none: it is an empty slot
   * @returns {Promise<Omit<LinkReport, "blockage"> & {alive: boolean, soundLoss: number}>} `alive`: something arrived
   *   since the last report; `soundLoss`: as in {@link Sums}
   */
  async read(pc, mediaOf) {
    const stats = await pc.getStats();
    /** @type {Sums} */
    const sums = {
      flows: new Map(),
      filming: new Set(),
      levels: new Map(),
      upload: { received: 0, lost: 0, jitter: NaN },
      soundLoss: 0,
      roundTrip: NaN,
      incoming: 0,
    };
    for (const s of stats.values()) this.#add(sums, s, mediaOf);
    const { filming, levels, soundLoss } = sums;
    const qualities = pc.connectionState === "connected" ? judgeAll(sums) : withoutPath(judgeAll(sums));
    return { qualities, filming, levels, alive: sums.incoming > 0, soundLoss };
  }

  /**
   * @param {Sums} sums
   * @param {any} s RTCStats
   * @param {(mid: string) => Media | undefined} mediaOf
   */
  #add(sums, s, mediaOf) {
    if (s.type === "candidate-pair" && s.nominated) this.#addPath(sums, s);
    else if (s.type === "inbound-rtp") this.#addInbound(sums, s, mediaOf(s.mid));
    else if (s.type === "outbound-rtp") sums.upload.received += this.#counters.growth(`${s.id}/sent`, s.packetsSent);
    else if (s.type === "remote-inbound-rtp") {
      sums.upload.lost += this.#counters.growth(`${s.id}/lost`, s.packetsLost);
      sums.upload.jitter = Math.max(sums.upload.jitter || 0, s.jitter ?? 0);
      const isNew = this.#counters.growth(`${s.id}/at`, s.timestamp) > 0;
      if (isNew && s.kind === "audio") sums.soundLoss = Math.max(sums.soundLoss, s.fractionLost ?? 0);
    }
  }

  /**
   * @param {Sums} sums
   * @param {any} s RTCIceCandidatePairStats
   */
  #addPath(sums, s) {
    sums.roundTrip = s.currentRoundTripTime ?? sums.roundTrip;
    sums.incoming += this.#counters.growth(`${s.id}/bytes`, s.bytesReceived);
    sums.incoming += this.#counters.growth(`${s.id}/stun`, s.responsesReceived);
  }

  /**
   * @param {Sums} sums
   * @param {any} s RTCInboundRtpStreamStats
   * @param {Media | undefined} media
   */
  #addInbound({ flows, filming, levels }, s, media) {
    if (!media?.userId) return;
    const { userId, source } = media;
    const flow = flows.get(userId) ?? { received: 0, lost: 0, jitter: 0 };
    // The user is part of the key: a slot's counters go on when someone else gets it.
    const received = this.#counters.growth(`${s.id}/${userId}/received`, s.packetsReceived);
    flow.received += received;
    flow.lost += this.#counters.growth(`${s.id}/${userId}/lost`, s.packetsLost);
    if (s.kind === "audio") flow.jitter = Math.max(flow.jitter, s.jitter ?? 0);
    flows.set(userId, flow);
    if (source === "camera" && received > 0) filming.add(userId);
    if (s.audioLevel !== undefined) levels.set(userId, Math.max(levels.get(userId) ?? 0, s.audioLevel));
  }
}

/**
 * @param {Sums} sums
 * @returns {LinkReport["qualities"]}
 */
function judgeAll({ flows, upload, roundTrip }) {
  /** @type {LinkReport["qualities"]} */
  const qualities = new Map();
  for (const [userId, flow] of flows) qualities.set(userId, judge({ ...flow, roundTrip }));
  const received = Math.max(0, upload.received - upload.lost);
  return qualities.set("", judge({ ...upload, received, roundTrip }));
}
