import { VIDEO_QUALITIES } from "./encoding.js";

/** @typedef {import("./encoding.js").VideoQuality} VideoQuality */
/** @typedef {{microphones: MediaDeviceInfo[], cameras: MediaDeviceInfo[], speakers: MediaDeviceInfo[]}} Devices */

/**
 * The devices there are. Labels are empty until the person has allowed one.
 *
 * @returns {Promise<Devices>}
 */
export async function listDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const of = (/** @type {MediaDeviceKind} */ kind) => all.filter((d) => d.kind === kind && d.deviceId !== "");
  return { microphones: of("audioinput"), cameras: of("videoinput"), speakers: of("audiooutput") };
}

/**
 * @param {string} deviceId "" is the system's choice
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DOMException} as getUserMedia
 */
export function openMicrophone(deviceId) {
  return open("audio", {
    ...(deviceId && { deviceId: { exact: deviceId } }),
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
  });
}

/**
 * @param {string} deviceId "" is the system's choice
 * @param {VideoQuality} quality
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DOMException} as getUserMedia
 */
export function openCamera(deviceId, quality) {
  const { width, height, frameRate } = VIDEO_QUALITIES[quality];
  return open("video", {
    ...(deviceId && { deviceId: { exact: deviceId } }),
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: frameRate, max: frameRate },
  });
}

/**
 * @returns {Promise<{video: MediaStreamTrack, audio: MediaStreamTrack | null}>}
 * @throws {DOMException} as getDisplayMedia
 */
export async function openScreen() {
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: { frameRate: { ideal: 15, max: 30 } },
    audio: true,
  });
  const [video] = stream.getVideoTracks();
  if (!video) throw new DOMException("No picture was shared.", "NotFoundError");
  return { video, audio: stream.getAudioTracks()[0] ?? null };
}

export function canShareScreen() {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/**
 * @param {"audio" | "video"} kind
 * @param {MediaTrackConstraints} constraints
 */
async function open(kind, constraints) {
  if (!navigator.mediaDevices) {
    throw new DOMException("This page is not on https or localhost.", "SecurityError");
  }
  const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints }).catch((error) => {
    const { deviceId, ...rest } = constraints;
    // The chosen device is not plugged in any more: better the system's choice than none.
    if (!deviceId || !["OverconstrainedError", "NotFoundError"].includes(error.name)) throw error;
    return navigator.mediaDevices.getUserMedia({ [kind]: rest });
  });
  const [track] = stream.getTracks();
  if (!track) throw new DOMException("The device gave nothing.", "NotReadableError");
  return track;
}

/**
 * What went wrong with a device, and what to do, in a sentence.
 *
 * @param {"microphone" | "camera" | "screen"} what
 * @param {unknown} error
 * @returns {string}
 */
export function deviceTrouble(what, error) {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
      return `The browser may not use your ${what}. Allow it in the address bar, then try again.`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `No ${what} was found. Plug one in, then try again.`;
    case "NotReadableError":
    case "AbortError":
      return `Your ${what} is in use by another program. Close that, then try again.`;
    case "SecurityError":
      return `Browsers give the ${what} to pages on https or localhost only. Ask for an https address.`;
    default:
      return `Your ${what} could not be started.`;
  }
}
