/** @import { EffectLoss, FrameAccess, Processed } from "../effects.js" */
/** @import { CanvasEnds } from "./canvas.js" */
/** @import { StreamEnds } from "./streams.js" */
import { carryByCanvas } from "./canvas.js";
import { carryByStreams } from "./streams.js";

/**
 * What is shown behind a person.
 *
 * @typedef {{is: "blur"} | {is: "plain"} | {is: "picture", picture: Blob}} Background
 */

/**
 * Carries the frames of a camera to the worker, and back what it makes of them.
 *
 * @typedef {object} Carrier
 * @property {MediaStreamTrack} track of what the worker shows
 * @property {StreamEnds | CanvasEnds} ends for the worker
 * @property {Transferable[]} transfer what of them goes over to it
 * @property {() => void} close
 *
 * What the worker does with its ends.
 *
 * @typedef {object} Work
 * @property {() => Promise<VideoFrame | null>} next null: the camera has ended, where the browser tells
 * @property {(picture: OffscreenCanvas, timestamp: number) => Promise<void>} show
 */

/** The model and its engine are a megabyte; a line that does not bring them in this time does not bring them. */
const LOADING_MS = 30_000;

/** @type {Record<FrameAccess, (device: MediaStreamTrack) => Carrier>} */
const CARRIERS = { streams: carryByStreams, canvas: carryByCanvas };

/**
 * Replaces what is behind a person, in a worker, which gets each frame of the camera and gives one back.
 *
 * @param {MediaStreamTrack} device
 * @param {{background: Background, access: FrameAccess}} how
 * @param {(loss: EffectLoss) => void} onLost
 * @returns {Promise<Processed>} once the first frame is there
 */
export async function replaceBackground(device, { background, access }, onLost) {
  const carrier = CARRIERS[access](device);
  // By these the encoder is set: what is sent is as large as what is filmed, of which its own track tells late or never.
  carrier.track.getSettings = () => device.getSettings();
  const worker = new Worker(new URL("background.worker.js", import.meta.url));
  const close = () => {
    worker.terminate();
    carrier.close();
  };
  try {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the background did not load in time")), LOADING_MS);
      worker.onerror = ({ message }) => reject(new Error(`the background's worker: ${message}`));
      worker.onmessage = ({ data }) => {
        clearTimeout(timer);
        if (data.is === "running") resolve(null);
        else reject(new Error(`the background's worker: ${data.message}`));
      };
      worker.postMessage({ ends: carrier.ends, background }, carrier.transfer);
    });
  } catch (error) {
    close();
    throw error;
  }
  worker.onerror = () => onLost("broken");
  worker.onmessage = ({ data }) => onLost(data.is === "slow" ? "slow" : "broken");
  return { track: carrier.track, close };
}
