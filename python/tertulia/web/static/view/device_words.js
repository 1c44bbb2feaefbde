/** @import { Device } from "../media/local.js" */
/** @import { Key } from "../words/say.js" */
import { say } from "../words.js";

/** @typedef {"microphone" | "camera" | "screen"} Capture what a browser lets a page record */

/** @typedef {"blocked" | "blockedInApp" | "blockedOnIos"} Blocked by where one allows what is blocked */

/** @type {Record<Capture, Record<Blocked | "missing" | "busy" | "insecure" | "failed", Key>>} */
const TROUBLES = {
  microphone: {
    blocked: "microphone.blocked",
    blockedInApp: "microphone.blockedInApp",
    blockedOnIos: "microphone.blockedOnIos",
    missing: "microphone.missing",
    busy: "microphone.busy",
    insecure: "microphone.insecure",
    failed: "microphone.failed",
  },
  camera: {
    blocked: "camera.blocked",
    blockedInApp: "camera.blockedInApp",
    blockedOnIos: "camera.blockedOnIos",
    missing: "camera.missing",
    busy: "camera.busy",
    insecure: "camera.insecure",
    failed: "camera.failed",
  },
  screen: {
    blocked: "screen.blocked",
    blockedInApp: "screen.blocked",
    blockedOnIos: "screen.blocked",
    missing: "screen.missing",
    busy: "screen.busy",
    insecure: "screen.insecure",
    failed: "screen.failed",
  },
};

/**
 * Says what is wrong with a device, and what to do about it.
 *
 * @param {Capture} what
 * @param {unknown} error of getUserMedia or getDisplayMedia
 * @returns {string}
 */
export function deviceTrouble(what, error) {
  const words = TROUBLES[what];
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
      return say(words[blockedWhere()]);
    case "NotFoundError":
    case "OverconstrainedError":
      return say(words.missing);
    case "NotReadableError":
    case "AbortError":
      return say(words.busy);
    case "SecurityError":
      return say(words.insecure);
    default:
      return say(words.failed);
  }
}

/**
 * Whether trying again can help, once one has done what {@link deviceTrouble} says: a page that is not secure stays so.
 *
 * @param {unknown} error of getUserMedia or getDisplayMedia
 */
export function mayPass(error) {
  return !(error instanceof DOMException && error.name === "SecurityError");
}

/**
 * An installed app shows no address, and on iOS the icon next to it allows nothing. An iPad says that it is a Mac, which
 * has no touch screen.
 *
 * @returns {Blocked}
 */
function blockedWhere() {
  const { userAgent, maxTouchPoints } = navigator;
  if (/iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1)) return "blockedOnIos";
  return matchMedia("(display-mode: standalone)").matches ? "blockedInApp" : "blocked";
}

/**
 * What befalls devices that are in use: they are gone, and the browser does not tell why; the same, said where their
 * buttons are in sight; the system withholds what they record.
 *
 * @typedef {"lost" | "lostInLobby" | "interrupted"} Mishap
 */

/** @type {Record<Mishap, Record<Device | "both", Key>>} */
const MISHAPS = {
  lost: { microphone: "microphone.lost", camera: "camera.lost", both: "devices.lost" },
  lostInLobby: { microphone: "microphone.lostInLobby", camera: "camera.lostInLobby", both: "devices.lostInLobby" },
  interrupted: { microphone: "microphone.interrupted", camera: "camera.interrupted", both: "devices.interrupted" },
};

/**
 * @param {Mishap} mishap
 * @param {Device | "both"} what it has befallen
 * @returns {string}
 */
export function mishapOf(mishap, what) {
  return say(MISHAPS[mishap][what]);
}

/**
 * What is wrong with a device: what has befallen it, or why it was not opened.
 *
 * @typedef {{is: Mishap} | {is: "refused", error: unknown}} Trouble
 */

/**
 * Says what is wrong with devices: in one sentence what has befallen both.
 *
 * @param {Map<Device, Trouble>} troubles
 * @returns {string}
 */
export function troublesOf(troubles) {
  const [one, other] = troubles.values();
  if (one && one.is !== "refused" && one.is === other?.is) return mishapOf(one.is, "both");
  return [...troubles].map(([what, trouble]) => troubleOf(what, trouble)).join(" ");
}

/**
 * @param {Device} what
 * @param {Trouble} trouble
 */
function troubleOf(what, trouble) {
  return trouble.is === "refused" ? deviceTrouble(what, trouble.error) : mishapOf(trouble.is, what);
}
