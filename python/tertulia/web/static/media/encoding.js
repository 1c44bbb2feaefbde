/** @import { Source } from "../protocol/types.js" */

/**
 * @typedef {"low" | "standard" | "high"} VideoQuality what a person may choose, for a slow machine or a good one
 */

/** @type {Record<VideoQuality, {width: number, height: number, frameRate: number, words: string}>} */
export const VIDEO_QUALITIES = {
  low: { width: 320, height: 180, frameRate: 15, words: "Low picture quality (180p)" },
  standard: { width: 640, height: 360, frameRate: 30, words: "Standard picture quality (360p)" },
  high: { width: 1280, height: 720, frameRate: 30, words: "High picture quality (720p)" },
};

/**
 * Bits per second that VP8 needs for a talking head of this height without visible blocks.
 *
 * @type {[height: number, bitrate: number][]}
 */
const CAMERA_BITRATES = [
  [180, 250_000],
  [360, 700_000],
  [720, 1_700_000],
];
/** A screen's text must be sharp; its motion may be slow. */
const SCREEN = { maxBitrate: 2_500_000, maxFramerate: 15 };

/**
 * @param {Source} source
 * @param {number} [height] of the captured picture
 * @returns {{maxBitrate: number, maxFramerate?: number}}
 */
function encodingFor(source, height = 360) {
  if (source === "screen") return SCREEN;
  const fitting = CAMERA_BITRATES.find(([limit]) => height <= limit) ?? [0, 2_500_000];
  return { maxBitrate: fitting[1] };
}

/**
 * Bounds what a sender's encoder may spend on the track it has now.
 *
 * @param {RTCRtpSender} sender negotiated
 * @param {Source} source
 */
export async function applyEncoding(sender, source) {
  const { track } = sender;
  if (track?.kind !== "video") return;
  const parameters = sender.getParameters();
  const [first] = parameters.encodings;
  if (!first) return;
  Object.assign(first, encodingFor(source, track.getSettings().height));
  try {
    await sender.setParameters(parameters);
  } catch (error) {
    // A negotiation began meanwhile; it does this again when it is done.
    if (!(error instanceof DOMException) || error.name !== "InvalidModificationError") throw error;
  }
}
