/** @import { LinkReport } from "./link.js" */
import { Counters, judge } from "./quality.js";

/** @typedef {{received: number, lost: number, jitter: number}} Flow packets since the last report; jitter in seconds */

/**
 * @typedef {object} Sums What one pass over the statistics adds up.
 * @property {Map<string, Flow>} flows by userId, what they send
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
   * @param {(mid: string) => string | null | undefined} userOf whose media an m-line carries; none: an empty slot
   * @returns {Promise<Omit<LinkReport, "blockage"> & {alive: boolean, soundLoss: number}>} `alive`: something arrived
   *   since the last report; `soundLoss`: as in {@link Sums}
   */
  async read(pc, userOf) {
    const stats = await pc.getStats();
    /** @type {Sums} */
    const sums = {
      flows: new Map(),
      levels: new Map(),
      upload: { received: 0, lost: 0, jitter: NaN },
      soundLoss: 0,
      roundTrip: NaN,
      incoming: 0,
    };
    for (const s of stats.values()) this.#add(sums, s, userOf);
    const qualities = judgeAll(sums, pc.connectionState === "connected");
    return { qualities, levels: sums.levels, alive: sums.incoming > 0, soundLoss: sums.soundLoss };
  }

  /**
   * @param {Sums} sums
   * @param {any} s RTCStats
   * @param {(mid: string) => string | null | undefined} userOf
   */
  #add(sums, s, userOf) {
    if (s.type === "candidate-pair" && s.nominated) this.#addPath(sums, s);
    else if (s.type === "inbound-rtp") this.#addInbound(sums, s, userOf(s.mid));
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
   * @param {string | null | undefined} userId
   */
  #addInbound({ flows, levels }, s, userId) {
    if (!userId) return;
    const flow = flows.get(userId) ?? { received: 0, lost: 0, jitter: 0 };
    // The user is part of the key: a slot's counters go on when someone else gets it.
    flow.received += this.#counters.growth(`${s.id}/${userId}/received`, s.packetsReceived);
    flow.lost += this.#counters.growth(`${s.id}/${userId}/lost`, s.packetsLost);
    if (s.kind === "audio") flow.jitter = Math.max(flow.jitter, s.jitter ?? 0);
    flows.set(userId, flow);
    if (s.audioLevel !== undefined) levels.set(userId, Math.max(levels.get(userId) ?? 0, s.audioLevel));
  }
}

/**
 * @param {Sums} sums
 * @param {boolean} connected
 * @returns {LinkReport["qualities"]}
 */
function judgeAll({ flows, upload, roundTrip }, connected) {
  /** @type {LinkReport["qualities"]} */
  const qualities = new Map();
  for (const [userId, flow] of flows) qualities.set(userId, judge({ ...flow, roundTrip, expected: false }));
  const received = connected ? Math.max(0, upload.received - upload.lost) : 0;
  return qualities.set("", judge({ ...upload, received, roundTrip, expected: !connected }));
}
