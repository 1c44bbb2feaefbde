/** @import { Source } from "../protocol/types.js" */

/** @type {readonly Source[]} */
export const SOURCES = ["microphone", "camera", "screen", "screen-audio"];

/**
 * @param {Source} source
 * @returns {"audio" | "video"}
 */
export function kindOf(source) {
  return source === "microphone" || source === "screen-audio" ? "audio" : "video";
}

/** @typedef {"detail" | "motion"} ScreenContent what a shared screen shows: text and pictures, or a film */

/**
 * Tells the encoder what matters: smooth motion for people; for screens what the person says, else sharp text.
 *
 * @param {Source} source
 * @param {MediaStreamTrack} track
 */
export function hint(source, track) {
  if (source === "screen") track.contentHint ||= "detail";
  else if (source === "camera") track.contentHint = "motion";
  else if (source === "microphone") track.contentHint = "speech";
  else track.contentHint = "music";
}

/**
 * A candidate as `addIceCandidate` takes it. A plain candidate line belongs to the first m-line: all are bundled.
 *
 * @param {string | RTCIceCandidateInit} candidate as it came from the hub
 * @returns {RTCIceCandidateInit}
 */
export function candidateInit(candidate) {
  return typeof candidate === "string" ? { candidate, sdpMLineIndex: 0 } : candidate;
}
