/** @import { Capture, VideoQuality } from "./encoding.js" */

/** @typedef {{people: number, isMesh: boolean}} Crowd for whom we are filmed; in a mesh each of them gets an encoding of their own */
/** @typedef {{isPhone: boolean, cores: number, memory: number}} Machine */

/** With so many people nobody's tile is large, unless it is pinned. */
const CROWD = 12;
/** Below it tiles are large again. The gap keeps a camera from changing with everyone who comes and goes. */
const FEW = 9;
/** What encoding 720p beside the pictures of others takes. */
const STRONG = { cores: 4, memory: 4 };

/**
 * The size that a camera is opened in.
 *
 * @param {VideoQuality} quality what the person chose
 * @param {Crowd} crowd
 * @param {Machine} machine
 * @param {Capture} [now] how it is open
 * @returns {Capture}
 */
export function fitting(quality, { people, isMesh }, { isPhone, cores, memory }, now = "high") {
  if (quality !== "auto") return quality;
  const isStrong = !isPhone && cores >= STRONG.cores && memory >= STRONG.memory;
  const most = isMesh ? 2 : now === "high" ? CROWD : FEW;
  return isStrong && people <= most ? "high" : "standard";
}

/** @returns {Machine} what the browser tells of this one; what it does not tell is enough */
export function thisMachine() {
  const {
    userAgent = "",
    userAgentData,
    hardwareConcurrency = STRONG.cores,
    deviceMemory = STRONG.memory,
  } = /** @type {Navigator & {userAgentData?: {mobile: boolean}, deviceMemory?: number}} */ (navigator);
  const isPhone = userAgentData?.mobile ?? /Mobi|Android|iPhone|iPad/.test(userAgent);
  return { isPhone, cores: hardwareConcurrency, memory: deviceMemory };
}
