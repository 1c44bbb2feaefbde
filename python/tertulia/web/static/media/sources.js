/** @import { Source } from "../protocol/types.js" */

/**
 * A remote track as the view sees it. `track` may be without media while nobody is in its slot.
 *
 * @typedef {object} RemoteTrack
 * @property {string} key stable while the same media is meant
 * @property {string | null} userId null: an audio slot with nobody in it
 * @property {Source} source
 * @property {"audio" | "video"} kind
 * @property {MediaStreamTrack} track
 * @property {number} since performance.now() of when this user came into it: older frames are someone else's
 */

/**
 * What carries media to and from the others: one connection to the SFU, or one to each member.
 *
 * @typedef {object} Link
 * @property {(source: Source, track: MediaStreamTrack | null) => void} setTrack what to send, from now on
 * @property {() => RemoteTrack[]} tracks
 * @property {() => Promise<LinkReport>} report
 * @property {(missed: boolean) => void} resume the signaling is back after an interruption
 * @property {(iceServers: RTCIceServer[]) => void} setIceServers fresh ones
 * @property {() => void} close
 */

/**
 * @typedef {object} LinkReport
 * @property {Map<string, Quality>} qualities by userId, the own one under ""
 * @property {Map<string, number>} levels audio level in [0, 1] by userId, where known
 */

/**
 * @typedef {object} Quality How well media flows.
 * @property {0 | 1 | 2 | 3} bars 3 good, 2 fair, 1 poor, 0 nothing comes
 * @property {number} loss share of packets lost, [0, 1]
 * @property {number} roundTrip milliseconds; NaN unknown
 * @property {number} jitter milliseconds; NaN unknown
 */

/**
 * @typedef {object} LinkEvents
 * @property {null} tracks the list of tracks, or who is in them, changed
 * @property {"connecting" | "connected" | "interrupted" | "dead"} state dead: nothing helps but a new link
 */

/** @type {readonly Source[]} */
export const SOURCES = ["microphone", "camera", "screen", "screen-audio"];

/**
 * @param {Source} source
 * @returns {"audio" | "video"}
 */
export function kindOf(source) {
  return source === "microphone" || source === "screen-audio" ? "audio" : "video";
}

/**
 * Tells the encoder what matters: smooth motion for people, sharp text for screens.
 *
 * @param {Source} source
 * @param {MediaStreamTrack} track
 */
export function hint(source, track) {
  if (source === "screen") track.contentHint = "detail";
  else if (source === "camera") track.contentHint = "motion";
  else if (source === "microphone") track.contentHint = "speech";
  else track.contentHint = "music";
}
