/** @import { Way } from "../blockage.js" */
/** @import { Visitor } from "./visitor.js" */
import { pause } from "./visitor.js";

/** What is sent at most: twice what a good picture takes. */
export const MOST_BITS = 4_000_000;
/** Browsers take some seconds to find out how much a line takes. */
const SECONDS = 8;

/**
 * What was measured: at least so much the line takes.
 *
 * @typedef {object} Bandwidth
 * @property {number} up bits a second, of the best second
 * @property {number} down the same, of what came back
 * @property {number} lossUp share of packets lost on the way to the server, [0, 1]; NaN unknown
 * @property {number} lossDown on the way back
 * @property {number} roundTrip milliseconds; NaN unknown
 */

/**
 * What statistics say at one moment (W3C webrtc-stats).
 *
 * @typedef {{at: number, sent: number, received: number, packetsSent: number, packetsReceived: number, lostUp: number,
 *   lostDown: number, roundTrip: number}} Sample
 */

/**
 * Sends noise to ourselves for some seconds.
 *
 * @param {MediaStreamTrack} track of a picture that no encoder can make small
 * @param {Visitor} sender
 * @param {Visitor} receiver
 * @param {Way} way
 * @returns {Promise<Bandwidth | null>} null: the way does not work any more
 */
export async function measure(track, sender, receiver, way) {
  /** @type {RTCPeerConnection[]} */
  const open = [];
  try {
    const down = await receiver.connect(way, (pc) => pc.addTransceiver("video", { direction: "recvonly" }));
    if (typeof down === "string") return null;
    open.push(down.pc);
    const sendEncodings = [{ maxBitrate: MOST_BITS }];
    const up = await sender.connect(way, (pc) => pc.addTransceiver(track, { direction: "sendonly", sendEncodings }));
    if (typeof up === "string") return null;
    open.push(up.pc);
    const samples = [await sample(up.pc, down.pc)];
    for (let second = 0; second < SECONDS; second++) {
      await pause(1000);
      samples.push(await sample(up.pc, down.pc));
    }
    return judge(samples);
  } finally {
    for (const pc of open) pc.close();
  }
}

/**
 * @param {RTCPeerConnection} up
 * @param {RTCPeerConnection} down
 * @returns {Promise<Sample>}
 */
async function sample(up, down) {
  const [sending, receiving] = await Promise.all([up.getStats(), down.getStats()]);
  const sent = { bytes: 0, packets: 0, lost: 0, roundTrip: NaN };
  for (const s of sending.values()) {
    if (s.type === "outbound-rtp") {
      sent.bytes += s.bytesSent;
      sent.packets += s.packetsSent;
    } else if (s.type === "remote-inbound-rtp") sent.lost += s.packetsLost ?? 0;
    else if (s.type === "candidate-pair" && s.nominated) sent.roundTrip = 1000 * (s.currentRoundTripTime ?? NaN);
  }
  const received = { bytes: 0, packets: 0, lost: 0 };
  for (const s of receiving.values()) {
    if (s.type !== "inbound-rtp") continue;
    received.bytes += s.bytesReceived;
    received.packets += s.packetsReceived;
    received.lost += s.packetsLost;
  }
  return {
    at: performance.now(),
    sent: sent.bytes,
    received: received.bytes,
    packetsSent: sent.packets,
    packetsReceived: received.packets,
    lostUp: sent.lost,
    lostDown: received.lost,
    roundTrip: sent.roundTrip,
  };
}

/**
 * @param {Sample[]} samples one a second
 * @returns {Bandwidth}
 */
export function judge(samples) {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last) throw new Error("nothing was measured");
  const lost = Math.max(0, last.lostDown - first.lostDown);
  return {
    up: best(samples, "sent"),
    down: best(samples, "received"),
    lossUp: share(Math.max(0, last.lostUp - first.lostUp), last.packetsSent - first.packetsSent),
    lossDown: share(lost, last.packetsReceived - first.packetsReceived + lost),
    roundTrip: last.roundTrip,
  };
}

/**
 * @param {number} lost
 * @param {number} all
 */
function share(lost, all) {
  return all > 0 ? lost / all : NaN;
}

/**
 * @param {Sample[]} samples
 * @param {"sent" | "received"} what
 */
function best(samples, what) {
  const rates = samples.slice(1).map((now, i) => {
    const before = /** @type {Sample} */ (samples[i]);
    return (8000 * (now[what] - before[what])) / (now.at - before.at);
  });
  return Math.max(0, ...rates);
}
