/** @import { LinkReport, RemoteTrack } from "./sources.js" */
import { Counters, judge } from "./quality.js";

/**
 * Reads one PeerConnection's statistics (W3C webrtc-stats) as people see them: how well each person comes through.
 */
export class Reporter {
  #counters = new Counters();

  /**
   * @param {RTCPeerConnection} pc
   * @param {(mid: string) => RemoteTrack | undefined} whose
   * @returns {Promise<LinkReport & {alive: boolean}>} `alive`: anything came in since the last report
   */
  async read(pc, whose) {
    const stats = await pc.getStats();
    /** @type {Map<string, {received: number, lost: number, jitter: number}>} */
    const flows = new Map();
    /** @type {Map<string, number>} */
    const levels = new Map();
    let [roundTrip, incoming] = [NaN, 0];
    const upload = { received: 0, lost: 0, jitter: NaN };
    for (const s of stats.values()) {
      if (s.type === "candidate-pair" && s.nominated) {
        roundTrip = s.currentRoundTripTime ?? roundTrip;
        incoming += this.#counters.growth(`${s.id}/bytes`, s.bytesReceived);
        incoming += this.#counters.growth(`${s.id}/stun`, s.responsesReceived);
      } else if (s.type === "inbound-rtp") {
        const userId = whose(s.mid)?.userId;
        if (!userId) continue;
        this.#addInbound(flows, userId, s);
        if (s.audioLevel !== undefined) levels.set(userId, Math.max(levels.get(userId) ?? 0, s.audioLevel));
      } else if (s.type === "remote-inbound-rtp") {
        upload.lost += this.#counters.growth(`${s.id}/lost`, s.packetsLost);
        upload.jitter = Math.max(upload.jitter || 0, s.jitter ?? 0);
      } else if (s.type === "outbound-rtp") {
        upload.received += this.#counters.growth(`${s.id}/sent`, s.packetsSent);
      }
    }
    const connected = pc.connectionState === "connected";
    /** @type {LinkReport["qualities"]} */
    const qualities = new Map();
    for (const [userId, flow] of flows) qualities.set(userId, judge({ ...flow, roundTrip, expected: false }));
    const own = { ...upload, received: Math.max(0, upload.received - upload.lost), roundTrip };
    qualities.set("", connected ? judge({ ...own, expected: false }) : judge({ ...own, received: 0, expected: true }));
    return { qualities, levels, alive: incoming > 0 };
  }

  /**
   * @param {Map<string, {received: number, lost: number, jitter: number}>} flows
   * @param {string} userId
   * @param {any} s RTCInboundRtpStreamStats
   */
  #addInbound(flows, userId, s) {
    const flow = flows.get(userId) ?? { received: 0, lost: 0, jitter: 0 };
    flow.received += this.#counters.growth(`${s.id}/${userId}/received`, s.packetsReceived);
    flow.lost += this.#counters.growth(`${s.id}/${userId}/lost`, s.packetsLost);
    if (s.kind === "audio") flow.jitter = Math.max(flow.jitter, s.jitter ?? 0);
    flows.set(userId, flow);
  }
}
