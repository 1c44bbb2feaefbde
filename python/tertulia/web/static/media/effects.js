/** @import { Background } from "./effects/background.js" */

/**
 * Why an effect has ended: the machine cannot keep up, or something in it failed.
 *
 * @typedef {"slow" | "broken"} EffectLoss
 */

/**
 * A track that is sent instead of a device's.
 *
 * @typedef {object} Processed
 * @property {MediaStreamTrack} track
 * @property {() => void} close frees what made it; the device's track stays as it is
 */

/**
 * Makes of a device's track the one that is sent.
 *
 * @typedef {(device: MediaStreamTrack, onLost: (loss: EffectLoss) => void) => Promise<Processed>} Effect
 */

/** @type {Effect} removes noise from a microphone; what it needs is loaded when it is used */
export const noiseSuppression = async (device, onLost) =>
  (await import("./effects/noise.js")).suppressNoise(device, onLost);

/** Whether this browser can run {@link noiseSuppression}. */
export function canSuppressNoise() {
  return typeof AudioWorkletNode === "function" && typeof WebAssembly === "object";
}

/**
 * An effect that replaces what is behind a person; what it needs is loaded when it is used.
 *
 * @param {Background} background
 * @returns {Effect}
 */
export function behindMe(background) {
  return async (device, onLost) => {
    const access = frameAccess();
    if (!access) throw new Error("this browser gives a page no frames of a camera");
    return (await import("./effects/background.js")).replaceBackground(device, { background, access }, onLost);
  };
}

/** Whether this browser can run {@link behindMe}. */
export function canReplaceBackground() {
  return frameAccess() !== null;
}

/**
 * How a page gets at the frames of a camera: as streams of them, or by a video element and a canvas that is captured.
 *
 * @typedef {"streams" | "canvas"} FrameAccess
 */

/** @returns {FrameAccess | null} */
function frameAccess() {
  const has = (/** @type {string} */ name) => name in globalThis;
  if (has("MediaStreamTrackProcessor") && has("MediaStreamTrackGenerator")) return "streams";
  // Without filters a blurred background would be shown as it is.
  const canBlur = has("OffscreenCanvas") && "filter" in OffscreenCanvasRenderingContext2D.prototype;
  return canBlur && has("VideoFrame") ? "canvas" : null;
}
