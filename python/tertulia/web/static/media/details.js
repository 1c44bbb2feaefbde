/** @import { Source, VideoLimit } from "../protocol/types.js" */
import { Counters } from "./quality.js";

/**
 * One stream of media, as far as this side can measure it.
 *
 * @typedef {object} StreamDetail
 * @property {string} userId whose it is; "" for our own
 * @property {Source} source
 * @property {{width: number, height: number, rate: number} | null} picture pixels, and frames a second
 * @property {number} bitrate bits a second
 * @property {number} loss share of packets lost, [0, 1]; NaN unknown
 * @property {string} codec such as VP8; "" unknown
 */

/**
 * How the packets of a connection go.
 *
 * @typedef {object} PathDetail
 * @property {string} userId to whom; "" for the SFU
 * @property {"udp" | "tcp" | "tls"} protocol to the other side, or to the relay
 * @property {boolean} isRelayed by a TURN server
 * @property {number} roundTrip milliseconds; NaN unknown
 */

/**
 * @typedef {{streams: StreamDetail[], paths: PathDetail[]}} Measured of one PeerConnection
 * @typedef {Measured & {limits: VideoLimit[]}} Details
 */

/**
 * @param {PathDetail[]} paths
 * @param {string} userId of a member, or "" for ourselves
 * @returns {PathDetail | undefined} how their media goes between us: straight to them, else as everyone's, by the SFU
 */
export function pathTo(paths, userId) {
  return paths.find((path) => path.userId === userId) ?? paths.find((path) => path.userId === "");
}

/** Reads the statistics of one PeerConnection (W3C webrtc-stats), stream by stream. */
export class Gauge {
  #counters = new Counters();
  /** @type {Map<string, number>} when each stream was read last, milliseconds */
  #readAt = new Map();

  /**
   * @param {RTCPeerConnection} pc
   * @param {object} names
   * @param {(mid: string) => {userId: string | null, source: Source} | undefined} names.remote whose media an m-line brings
   * @param {(mid: string) => Source | undefined} names.own what of ours it carries
   * @param {string} names.userId whom the connection reaches; "" for the SFU
   * @returns {Promise<Measured>}
   */
  async read(pc, { remote, own, userId }) {
    const stats = await pc.getStats();
    const streams = [...stats.values()].flatMap((s) => {
      const media = s.type === "inbound-rtp" ? remote(s.mid) : this.#own(s, own);
      return media?.userId == null ? [] : this.#stream(stats, s, media.userId, media.source);
    });
    return { streams, paths: [...stats.values()].flatMap((s) => pathOf(stats, s, userId)) };
  }

  /**
   * @param {any} s RTCStats
   * @param {(mid: string) => Source | undefined} own
   */
  #own(s, own) {
    const source = s.type === "outbound-rtp" && s.active !== false ? own(s.mid) : undefined;
    return source && { userId: "", source };
  }

  /**
   * @param {RTCStatsReport} stats
   * @param {any} s RTCInboundRtpStreamStats or RTCOutboundRtpStreamStats
   * @param {string} userId
   * @param {Source} source
   * @returns {StreamDetail[]} none before there is something to compare with, or while nothing flows
   */
  #stream(stats, s, userId, source) {
    const key = `${s.id}/${userId}/${source}`;
    const seconds = (s.timestamp - (this.#readAt.get(key) ?? s.timestamp)) / 1000;
    this.#readAt.set(key, s.timestamp);
    const bytes = this.#counters.growth(`${key}/bytes`, s.bytesReceived ?? s.bytesSent);
    const loss = this.#loss(stats, s, key);
    if (seconds <= 0 || bytes === 0) return [];
    const { frameWidth: width, frameHeight: height, framesPerSecond: rate } = s;
    const picture = width && height ? { width, height, rate: Math.round(rate ?? 0) } : null;
    return [{ userId, source, picture, bitrate: (bytes * 8) / seconds, loss, codec: codecOf(stats, s) }];
  }

  /**
   * @param {RTCStatsReport} stats
   * @param {any} s
   * @param {string} key
   * @returns {number}
   */
  #loss(stats, s, key) {
    if (s.type === "outbound-rtp") return stats.get(s.remoteId)?.fractionLost ?? NaN;
    const lost = Math.max(0, this.#counters.growth(`${key}/lost`, s.packetsLost));
    const received = this.#counters.growth(`${key}/received`, s.packetsReceived);
    return received + lost > 0 ? lost / (received + lost) : NaN;
  }
}

/**
 * @param {RTCStatsReport} stats
 * @param {any} s
 * @returns {string}
 */
function codecOf(stats, s) {
  return (stats.get(s.codecId)?.mimeType ?? "").split("/")[1] ?? "";
}

/**
 * @param {RTCStatsReport} stats
 * @param {any} s RTCStats
 * @param {string} userId
 * @returns {PathDetail[]} one if these are the statistics of the pair in use
 */
function pathOf(stats, s, userId) {
  if (s.type !== "candidate-pair" || !s.nominated || s.state !== "succeeded") return [];
  const { candidateType, protocol = "udp", relayProtocol } = stats.get(s.localCandidateId) ?? {};
  const isRelayed = candidateType === "relay";
  const roundTrip = (s.currentRoundTripTime ?? NaN) * 1000;
  return [{ userId, protocol: (isRelayed && relayProtocol) || protocol, isRelayed, roundTrip }];
}
