import { VIDEO_QUALITIES } from "./encoding.js";

/** @typedef {import("./encoding.js").Capture} Capture */
/** @typedef {{microphones: MediaDeviceInfo[], cameras: MediaDeviceInfo[], speakers: MediaDeviceInfo[]}} Devices */

/**
 * Lists the devices. Labels are empty until the person has granted access to one.
 *
 * @returns {Promise<Devices>}
 */
export async function listDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const of = (/** @type {MediaDeviceKind} */ kind) => all.filter((d) => d.kind === kind && d.deviceId !== "");
  return { microphones: of("audioinput"), cameras: of("videoinput"), speakers: of("audiooutput") };
}

/**
 * Opens a microphone.
 *
 * @param {string} deviceId "" is the system default
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DOMException} as getUserMedia
 */
export function openMicrophone(deviceId) {
  return open("audio", voice(deviceId));
}

/**
 * Opens a camera.
 *
 * @param {string} deviceId "" is the system default
 * @param {Capture} quality
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DOMException} as getUserMedia
 */
export function openCamera(deviceId, quality) {
  return open("video", face(deviceId, quality));
}

/**
 * Opens microphone and camera, by one question to the person.
 *
 * @param {{microphone: string, camera: string, quality: Capture}} choice device ids; "" is the system default
 * @returns {Promise<{microphone: MediaStreamTrack, camera: MediaStreamTrack}>}
 * @throws {DOMException} as getUserMedia: one of them, or both, could not be opened
 */
export async function openBoth({ microphone, camera, quality }) {
  const media = devices();
  const wanted = { audio: voice(microphone), video: face(camera, quality) };
  const stream = await media.getUserMedia(wanted).catch((error) => {
    if (!(microphone || camera) || !isGone(error)) throw error;
    const [audio, video] = [preferred(wanted.audio, microphone), preferred(wanted.video, camera)];
    return media.getUserMedia({ audio, video });
  });
  const [[audio], [video]] = [stream.getAudioTracks(), stream.getVideoTracks()];
  if (!audio || !video) throw new DOMException("The device has no track.", "NotReadableError");
  return { microphone: audio, camera: video };
}

/**
 * @param {"microphone" | "camera"} what
 * @returns {Promise<boolean>} whether it can be opened without asking the person
 */
export async function isGranted(what) {
  const name = /** @type {PermissionName} */ (what);
  // Refused where the browser does not tell.
  const status = await navigator.permissions?.query({ name }).catch(() => null);
  return status?.state === "granted";
}

/**
 * @param {string} deviceId
 * @returns {MediaTrackConstraints}
 */
function voice(deviceId) {
  return {
    ...(deviceId && { deviceId: { exact: deviceId } }),
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
  };
}

/**
 * @param {string} deviceId
 * @param {Capture} quality
 * @returns {MediaTrackConstraints}
 */
function face(deviceId, quality) {
  const { width, height, frameRate } = VIDEO_QUALITIES[quality];
  return {
    ...(deviceId && { deviceId: { exact: deviceId } }),
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: frameRate, max: frameRate },
  };
}

function devices() {
  if (navigator.mediaDevices) return navigator.mediaDevices;
  throw new DOMException("This page is not served over HTTPS or from localhost.", "SecurityError");
}

/**
 * Opens the camera on the other side of the phone, or the next one there is.
 *
 * @param {MediaStreamTrack} current its device is free already
 * @param {Capture} quality
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DOMException} as getUserMedia
 */
export async function openOtherCamera(current, quality) {
  const { facingMode, deviceId = "" } = current.getSettings();
  if (facingMode) {
    const other = facingMode === "environment" ? "user" : "environment";
    return open("video", { ...face("", quality), facingMode: { ideal: other } });
  }
  const ids = (await listDevices()).cameras.map((camera) => camera.deviceId);
  return openCamera(ids[(ids.indexOf(deviceId) + 1) % ids.length] ?? "", quality);
}

/**
 * Changes the size of an open camera, without asking the person again.
 *
 * @param {MediaStreamTrack} device
 * @param {Capture} quality
 */
export async function resize(device, quality) {
  try {
    await device.applyConstraints(face("", quality));
  } catch (error) {
    // A camera that cannot stays as it is.
    if (!(error instanceof DOMException) || error.name !== "OverconstrainedError") throw error;
  }
}

/**
 * Sound comes as it is played: what cleans a voice would spoil music. Our own meeting is no part of it, where browsers
 * can leave it out.
 */
const SCREEN = {
  video: { frameRate: { ideal: 30, max: 30 } },
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, restrictOwnAudio: true },
  systemAudio: "include",
  selfBrowserSurface: "exclude",
  surfaceSwitching: "include",
};

/**
 * Asks the person for a screen or window.
 *
 * @returns {Promise<{video: MediaStreamTrack, audio: MediaStreamTrack | null}>}
 * @throws {DOMException} as getDisplayMedia
 */
export async function openScreen() {
  const stream = await navigator.mediaDevices.getDisplayMedia(SCREEN);
  const [video] = stream.getVideoTracks();
  if (!video) throw new DOMException("Nothing was shared.", "NotFoundError");
  return { video, audio: stream.getAudioTracks()[0] ?? null };
}

/** Whether this browser can share a screen: phones cannot. */
export function canShareScreen() {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/** @param {Error} error of getUserMedia: whether there is no such device */
function isGone({ name }) {
  return name === "OverconstrainedError" || name === "NotFoundError";
}

/**
 * The chosen device if it is there, else the system default.
 *
 * @param {MediaTrackConstraints} constraints
 * @param {string} deviceId
 * @returns {MediaTrackConstraints}
 */
function preferred(constraints, deviceId) {
  return deviceId ? { ...constraints, deviceId: { ideal: deviceId } } : constraints;
}

/**
 * @param {"audio" | "video"} kind
 * @param {MediaTrackConstraints} constraints
 */
async function open(kind, constraints) {
  const media = devices();
  const stream = await media.getUserMedia({ [kind]: constraints }).catch((error) => {
    const { deviceId, ...rest } = constraints;
    // The chosen device is no longer plugged in: better the system default than none.
    if (!deviceId || !isGone(error)) throw error;
    return media.getUserMedia({ [kind]: rest });
  });
  const [track] = stream.getTracks();
  if (!track) throw new DOMException("The device has no track.", "NotReadableError");
  return track;
}
