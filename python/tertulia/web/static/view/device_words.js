/** @import { Key } from "../words/say.js" */
import { say } from "../words.js";

/** @typedef {"microphone" | "camera" | "screen"} Capture what a browser lets a page record */

/** @type {Record<Capture, {blocked: Key, missing: Key, busy: Key, insecure: Key, failed: Key}>} */
const TROUBLES = {
  microphone: {
    blocked: "microphone.blocked",
    missing: "microphone.missing",
    busy: "microphone.busy",
    insecure: "microphone.insecure",
    failed: "microphone.failed",
  },
  camera: {
    blocked: "camera.blocked",
    missing: "camera.missing",
    busy: "camera.busy",
    insecure: "camera.insecure",
    failed: "camera.failed",
  },
  screen: {
    blocked: "screen.blocked",
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
  const { blocked, missing, busy, insecure, failed } = TROUBLES[what];
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
      return say(blocked);
    case "NotFoundError":
    case "OverconstrainedError":
      return say(missing);
    case "NotReadableError":
    case "AbortError":
      return say(busy);
    case "SecurityError":
      return say(insecure);
    default:
      return say(failed);
  }
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
