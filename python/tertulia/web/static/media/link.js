/** @import { Source, Topology, VideoLimit, WantedVideo } from "../protocol/types.js" */
/** @import { Emitter } from "../protocol/emitter.js" */
/** @import { Hub } from "../protocol/hub.js" */
/** @import { Roster } from "../protocol/roster.js" */
import { backoff } from "../protocol/backoff.js";
import { SfuLink } from "./sfu/link.js";

/**
 * A remote track as the view sees it. `track` may carry no media while nobody is in its slot.
 *
 * @typedef {object} RemoteTrack
 * @property {string} key stays the same as long as the same media is meant
 * @property {string | null} userId null: an audio slot with nobody in it
 * @property {Source} source
 * @property {"audio" | "video"} kind
 * @property {MediaStreamTrack} track
 * @property {number} since performance.now() at which the user got this track: frames received before are someone else's
 */

/**
 * How well media flows.
 *
 * @typedef {object} Quality
 * @property {0 | 1 | 2 | 3} bars 3 good, 2 fair, 1 poor, 0 no media
 * @property {number} loss share of packets lost, [0, 1]
 * @property {number} roundTrip milliseconds; NaN unknown
 * @property {number} jitter milliseconds; NaN unknown
 *
 * @typedef {object} LinkReport
 * @property {Map<string, Quality>} qualities by userId; our own under ""
 * @property {Set<string>} filming userIds of those from whose camera something has come since the last report
 * @property {import("./blockage.js").Blockage | null} blockage why no media flows; null: it does, or may still come
 * @property {Map<string, number>} levels audio level in [0, 1] by userId, where known
 */

/**
 * @typedef {"connecting" | "connected" | "interrupted"} LinkState interrupted: media stopped, another path is looked for
 *
 * @typedef {object} LinkEvents
 * @property {null} tracks the list of tracks, or who is in them, changed
 * @property {LinkState} state
 * @property {string[]} speakers userIds, the loudest first
 * @property {string[]} paused the videos that do not fit through our line, each as `userId/source`
 * @property {VideoLimit[]} limited the videos of which less than wanted does
 */

/**
 * What carries media between us and the others: one connection to the SFU, or one to each member. A link listens to
 * the hub by itself; whoever holds it need not know which kind it is.
 *
 * @typedef {object} LinkMethods
 * @property {Promise<void>} agreed resolves once the browser has what it needs to connect
 * @property {(source: Source, track: MediaStreamTrack | null) => void} setTrack what to send from now on
 * @property {(videos: WantedVideo[]) => void} setView which videos are on screen, the most important first
 * @property {() => RemoteTrack[]} tracks
 * @property {() => Promise<LinkReport>} report to be called every few seconds: it also notices that media stopped
 * @property {() => Promise<import("./details.js").Details>} details every stream, for people who look into trouble
 * @property {(iceServers: RTCIceServer[]) => void} setIceServers used for the next path, since credentials expire
 * @property {() => void} close
 *
 * @typedef {LinkMethods & Emitter<LinkEvents>} Link
 *
 * @typedef {object} LinkOptions
 * @property {Hub} hub
 * @property {Roster} roster
 * @property {string} userId our own; "" before JoinRoom is answered
 * @property {RTCIceServer[] | null} iceServers null: not known yet; they come by `setIceServers`
 * @property {Map<Source, MediaStreamTrack>} tracks what to send
 */

/** What members say to each other where there is no SFU. */
export const SIGNALS = /** @type {const} */ (["ReceiveOffer", "ReceiveAnswer", "IceCandidate"]);
/** @typedef {{event: typeof SIGNALS[number], payload: any}} Signal */

/**
 * Makes the link that a room of this topology uses: for a room without an SFU later, since what it takes is loaded first,
 * which most meetings do without.
 *
 * @param {Topology} topology
 * @param {() => LinkOptions} options as they are by then
 * @param {() => boolean} isWanted still
 * @returns {Link | Promise<Link | null>} null: it is not wanted any more
 */
export function createLink(topology, options, isWanted) {
  return topology === "p2p" ? loadMesh(options, isWanted) : new SfuLink(options());
}

/**
 * @param {() => LinkOptions} options
 * @param {() => boolean} isWanted
 * @returns {Promise<Link | null>} which has heard all that was said meanwhile
 */
async function loadMesh(options, isWanted) {
  const { hub, roster } = options();
  /** @type {Signal[]} */
  let early = [];
  const ends = [
    ...SIGNALS.map((event) => hub.on(event, (payload) => early.push({ event, payload }))),
    roster.on("left", ({ userId }) => {
      early = early.filter(({ payload }) => payload.sourceUserId !== userId);
    }),
  ];
  try {
    for (let attempt = 0; isWanted(); attempt++) {
      const mesh = await import("./mesh.js").catch(() => null);
      if (mesh) return isWanted() ? new mesh.Mesh(options(), early) : null;
      await new Promise((resolve) => setTimeout(resolve, backoff(attempt)));
    }
    return null;
  } finally {
    for (const end of ends) end();
  }
}
