/** By how many seconds sound may be away from the picture before it is set right: half of what people notice. */
const TOLERANCE = 0.08;

/**
 * What is needed of a media element.
 *
 * @typedef {Pick<HTMLMediaElement, "currentTime" | "paused" | "seeking" | "readyState" | "playbackRate" | "volume"
 *   | "muted" | "play" | "pause" | "addEventListener">} Playable
 */

/** Events after which the follower has to be looked at. `timeupdate` comes four times a second while the leader plays. */
const EVENTS = ["play", "playing", "pause", "waiting", "seeking", "seeked", "ratechange", "timeupdate", "ended"];
/** HTMLMediaElement.HAVE_FUTURE_DATA: it can go on playing. */
const HAVE_FUTURE_DATA = 3;

/**
 * Plays a sound in step with a film: it starts, stops, jumps and changes speed with it.
 *
 * @param {Playable} leader
 * @param {Playable} follower
 * @param {number} offset seconds from the beginning of the leader to that of the follower
 * @returns {() => void} ends it
 */
export function follow(leader, follower, offset) {
  const page = new AbortController();
  const step = () => {
    const at = leader.currentTime - offset;
    follower.playbackRate = leader.playbackRate;
    if (at >= 0 && Math.abs(follower.currentTime - at) > TOLERANCE) follower.currentTime = at;
    const plays = !leader.paused && !leader.seeking && leader.readyState >= HAVE_FUTURE_DATA && at >= 0;
    if (!plays) follower.pause();
    // Refused at its end, or when it is paused again at once.
    else if (follower.paused) follower.play().catch(() => {});
  };
  for (const name of EVENTS) leader.addEventListener(name, step, { signal: page.signal });
  step();
  return () => {
    page.abort();
    follower.pause();
  };
}
