/** @import { EffectLoss, Processed } from "../effects.js" */

/**
 * What is shown behind a person.
 *
 * @typedef {{is: "blur"} | {is: "plain"} | {is: "picture", picture: Blob}} Background
 */

/** The model and its engine are a megabyte; a line that does not bring them in this time does not bring them. */
const LOADING_MS = 30_000;

/**
 * Replaces what is behind a person, in a worker, which gets each frame of the camera and gives one back.
 *
 * @param {MediaStreamTrack} device
 * @param {Background} background
 * @param {(loss: EffectLoss) => void} onLost
 * @returns {Promise<Processed>} once the first frame is there
 */
export async function replaceBackground(device, background, onLost) {
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = /** @type {any} */ (globalThis);
  const { readable } = new MediaStreamTrackProcessor({ track: device, maxBufferSize: 2 });
  const generator = new MediaStreamTrackGenerator({ kind: "video" });
  const { writable } = generator;
  const worker = new Worker(new URL("background.worker.js", import.meta.url));
  const close = () => {
    worker.terminate();
    generator.stop();
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
      worker.postMessage({ readable, writable, background }, [readable, writable]);
    });
  } catch (error) {
    close();
    throw error;
  }
  worker.onerror = () => onLost("broken");
  worker.onmessage = ({ data }) => onLost(data.is === "slow" ? "slow" : "broken");
  return { track: generator, close };
}
