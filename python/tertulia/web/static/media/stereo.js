/**
 * Takes a browser's offer or answer as ours, with stereo wherever a screen's sound may come or go: browsers have no other way to
 * ask for it.
 *
 * @param {RTCPeerConnection} pc
 * @param {Promise<unknown>} [ready] when it may be taken, and candidates be gathered
 */
export async function describe(pc, ready) {
  const isAnswer = pc.signalingState === "have-remote-offer";
  const { type, sdp = "" } = await (isAnswer ? pc.createAnswer() : pc.createOffer());
  await ready;
  await pc.setLocalDescription({ type, sdp: withStereo(sdp) });
}

/**
 * @param {RTCPeerConnection} pc
 * @returns {string} our description as it is to be sent: Firefox leaves out of its own what it does not know
 */
export function describedBy(pc) {
  return withStereo(pc.localDescription?.sdp ?? "");
}

/**
 * Asks for stereo, and announces it, on every audio m-line but the first, which is a microphone's (RFC 7587, section 6.1).
 *
 * @param {string} sdp
 * @returns {string}
 */
export function withStereo(sdp) {
  let voices = 0;
  const sections = sdp.split(/^(?=m=)/m);
  return sections.map((one) => (one.startsWith("m=audio") && voices++ > 0 ? inStereo(one) : one)).join("");
}

/** @param {string} section */
function inStereo(section) {
  const opus = /^a=rtpmap:(\d+) opus\//im.exec(section)?.[1];
  return section.replace(new RegExp(`^a=fmtp:${opus} .*$`, "m"), (line) => {
    const missing = ["stereo=1", "sprop-stereo=1"].filter((one) => !line.split(/[ ;]/).includes(one));
    return [line, ...missing].join(";");
  });
}
