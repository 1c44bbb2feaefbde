import { isTurn } from "./relays.js";

/** A connection that is not there after this time will most likely not come by itself. */
export const PATIENCE_MS = 10_000;

/** @typedef {"udp" | "tcp" | "relay"} Way how media may go: straight, by UDP or TCP, or through a TURN server */

/**
 * Why no media flows, as far as one side can tell.
 *
 * @typedef {object} Blockage
 * @property {Way[]} tried
 * @property {boolean} hasTurn whether there is a TURN server to try
 * @property {string[]} userIds the members who cannot be reached; none: the SFU cannot
 * @property {"encryption" | "unanswered"} [cause] what is known beyond that: the SFU can be reached, but not agree with
 *   this browser on how to encrypt; the SFU has answered no offer, or there is none
 */

/**
 * Finds out what was tried on a connection that does not come about.
 *
 * @param {RTCPeerConnection} pc
 * @param {string[]} userIds whom it should reach; none: the SFU
 * @returns {Blockage}
 */
export function blockageOf(pc, userIds) {
  const urls = (pc.getConfiguration().iceServers ?? []).flatMap((server) => server.urls);
  // While ICE restarts, the pending description has no candidates yet.
  const local = [pc.currentLocalDescription, pc.pendingLocalDescription].map((description) => description?.sdp ?? "");
  const remote = [pc.currentRemoteDescription, pc.pendingRemoteDescription].map(
    (description) => description?.sdp ?? "",
  );
  const tried = waysOf(local.join(""), remote.join(""));
  return { tried, hasTurn: urls.some(isTurn), userIds };
}

/** A candidate's transport and type (RFC 8839, section 5.1). */
const CANDIDATE = /^a=candidate:\S+ \d+ (\S+) \d+ \S+ \d+ typ (\S+)/gm;

/**
 * The ways for which both sides had a candidate. Not by the statistics: browsers drop a pair that was refused.
 *
 * @param {string} localSdp
 * @param {string} remoteSdp
 * @returns {Way[]}
 */
export function waysOf(localSdp, remoteSdp) {
  const [locals, remotes] = [localSdp, remoteSdp].map((sdp) =>
    [...sdp.matchAll(CANDIDATE)].map(([, protocol = "", type]) => ({ protocol: protocol.toLowerCase(), type })),
  );
  /** @type {Way[]} */
  const ways = [];
  for (const way of /** @type {const} */ (["udp", "tcp"])) {
    const hasLocal = locals?.some(({ protocol, type }) => protocol === way && type !== "relay");
    if (hasLocal && remotes?.some(({ protocol }) => protocol === way)) ways.push(way);
  }
  if (locals?.some(({ type }) => type === "relay")) ways.push("relay");
  return ways;
}

/**
 * @param {(Blockage | null)[]} blockages of the connections to the members
 * @returns {Blockage | null} of all of them together
 */
export function combined(blockages) {
  const found = blockages.filter((blockage) => blockage !== null);
  if (found.length === 0) return null;
  return {
    tried: [...new Set(found.flatMap(({ tried }) => tried))],
    hasTurn: found.some(({ hasTurn }) => hasTurn),
    userIds: found.flatMap(({ userIds }) => userIds),
  };
}
