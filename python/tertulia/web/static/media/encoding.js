/** @import { Source } from "../protocol/types.js" */

/**
 * @typedef {"low" | "standard" | "high"} VideoQuality what people can choose from, to suit their machine
 */

/** @type {Record<VideoQuality, {width: number, height: number, frameRate: number}>} */
export const VIDEO_QUALITIES = {
  low: { width: 320, height: 180, frameRate: 15 },
  standard: { width: 640, height: 360, frameRate: 30 },
  high: { width: 1280, height: 720, frameRate: 30 },
};

/**
 * Bits per second that VP8 needs for a talking head of this height without visible blocking.
 *
 * @type {[height: number, bitrate: number][]}
 */
const CAMERA_BITRATES = [
  [180, 250_000],
  [360, 700_000],
  [720, 1_700_000],
];
/** On a screen, text must be sharp; motion may stutter. */
const SCREEN = { maxBitrate: 2_500_000, maxFramerate: 15 };

/**
 * @param {Source} source
 * @param {number} [height] of the captured video
 * @returns {{maxBitrate: number, maxFramerate?: number}}
 */
function encodingFor(source, height = 360) {
  if (source === "screen") return SCREEN;
  const fitting = CAMERA_BITRATES.find(([limit]) => height <= limit) ?? [0, 2_500_000];
  return { maxBitrate: fitting[1] };
}

/**
 * Limits the bitrate of a sender to what suits its track.
 *
 * @param {RTCRtpSender} sender whose m-line is negotiated
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
    // A negotiation has begun meanwhile; this is done again at its end.
    if (!(error instanceof DOMException) || error.name !== "InvalidModificationError") throw error;
  }
}
