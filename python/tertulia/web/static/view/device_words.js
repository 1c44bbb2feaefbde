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
 * Says that a device which was in use is gone. The browser does not tell why.
 *
 * @param {"microphone" | "camera"} what
 * @returns {string}
 */
export function lossOf(what) {
  return say(what === "microphone" ? "microphone.lost" : "camera.lost");
}

/**
 * Says that the system withholds what a device records.
 *
 * @param {"microphone" | "camera"} what
 * @returns {string}
 */
export function interruptionOf(what) {
  return say(what === "microphone" ? "microphone.interrupted" : "camera.interrupted");
}

/**
 * The same as {@link lossOf}, where its button is in sight.
 *
 * @param {"microphone" | "camera"} what
 * @returns {string}
 */
export function lossInLobby(what) {
  return say(what === "microphone" ? "microphone.lostInLobby" : "camera.lostInLobby");
}
