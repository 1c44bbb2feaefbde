/** @import { Source, WantedLayers } from "../protocol/types.js" */

/**
 * @typedef {"low" | "standard" | "high"} Capture how a camera is opened
 * @typedef {Capture | "auto"} VideoQuality what people can choose from, to suit their machine
 */

/** @type {Record<Capture, {width: number, height: number, frameRate: number}>} */
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
/** On a screen, text must be sharp and may stutter; a film must not. */
const SCREENS = {
  detail: { maxBitrate: 2_500_000, maxFramerate: 15 },
  motion: { maxBitrate: 3_500_000, maxFramerate: 30 },
};
/** Bits per second for the sound of a screen, which may be music; a voice takes what the browser thinks best. */
const SCREEN_SOUND = 96_000;

/** The smallest height that is worth a layer of its own. */
const SMALLEST_LAYER = 120;

/** What a camera is sent in at the same time, the smallest first: the SFU gives each tile the one that fills it. */
const CAMERA_LAYERS = [
  { rid: "q", scaleResolutionDownBy: 4 },
  { rid: "h", scaleResolutionDownBy: 2 },
  { rid: "f", scaleResolutionDownBy: 1 },
];
/** Three temporal layers: the SFU leaves out frames, a half or three quarters, for whom not all of them get through. */
const TEMPORAL_LAYERS = { scalabilityMode: "L1T3" };

/**
 * @param {Source} source
 * @returns {[RTCRtpTransceiverInit, ...RTCRtpTransceiverInit[]]} how to send it to the SFU, the best way first: not every browser knows each
 */
export function waysToSend(source) {
  if (source !== "camera" && source !== "screen") return [{}];
  const sendEncodings = source === "camera" ? CAMERA_LAYERS : [{}];
  return [{ sendEncodings: sendEncodings.map((encoding) => ({ ...encoding, ...TEMPORAL_LAYERS })) }, { sendEncodings }];
}

/**
 * @param {Source} source
 * @param {number} height of the picture that is sent
 * @param {string} content what a screen shows
 * @returns {{maxBitrate: number, maxFramerate?: number}}
 */
function encodingFor(source, height, content) {
  if (source === "screen") return SCREENS[content === "motion" ? "motion" : "detail"];
  const fitting = CAMERA_BITRATES.find(([limit]) => height <= limit) ?? [0, 2_500_000];
  return { maxBitrate: fitting[1] };
}

/**
 * @param {RTCRtpEncodingParameters[]} encodings one, or the layers of a camera, the smallest first; changed in place
 * @param {Source} source
 * @param {number} height of the captured video
 * @param {WantedLayers | null} wanted what somebody watches; null: all
 * @param {string} [content] what a screen shows: "detail" or "motion"
 */
export function setEncodings(encodings, source, height, wanted, content = "detail") {
  // Alone it is whole: who receives it takes no layers.
  const isAlone = encodings.length === 1;
  let isMissed = false;
  for (const encoding of encodings) {
    if (isAlone) encoding.scaleResolutionDownBy = 1;
    const scaled = height / (encoding.scaleResolutionDownBy ?? 1);
    const isUseful = scaled === height || scaled >= SMALLEST_LAYER;
    const isWanted = wanted === null || (isAlone ? wanted.wanted : wanted.rids.includes(encoding.rid ?? ""));
    encoding.active = isUseful && (isWanted || isMissed);
    // Who wants a layer that is too small to be sent gets the next larger one.
    isMissed = !isUseful && (isWanted || isMissed);
    Object.assign(encoding, encodingFor(source, scaled, content));
  }
}

/**
 * Limits the bitrates of a sender to what suits its track, and what is sent to what is of use.
 *
 * @param {RTCRtpSender} sender whose m-line is negotiated
 * @param {Source} source
 * @param {WantedLayers | null} [wanted] what somebody watches; null: all
 */
export async function applyEncoding(sender, source, wanted = null) {
  const { track } = sender;
  if (!track || source === "microphone") return;
  const parameters = sender.getParameters();
  if (parameters.encodings.length === 0) return;
  if (track.kind === "audio") for (const encoding of parameters.encodings) encoding.maxBitrate = SCREEN_SOUND;
  else setEncodings(parameters.encodings, source, track.getSettings().height ?? 360, wanted, track.contentHint);
  try {
    await sender.setParameters(parameters);
  } catch (error) {
    // A negotiation has begun meanwhile; this is done again at its end.
    if (!(error instanceof DOMException) || error.name !== "InvalidModificationError") throw error;
  }
}
