/** @import { Carrier, Work } from "./background.js" */

/** @typedef {{is: "canvas", port: MessagePort, frameRate: number}} CanvasEnds */

/**
 * What the worker says: it wants the frame of now, or gives a picture to be shown.
 *
 * @typedef {{is: "wanted", timestamp: number} | {is: "picture", picture: ImageBitmap}} FromWorker
 */

/** As many frames a second are asked for at most. */
const MOST_FRAMES = 30;

/**
 * A video element, of whose picture the worker gets a copy whenever it asks, and a canvas that shows what the worker
 * makes of it, and is captured. Nobody sees either. The worker's clock goes on while the tab is hidden, when browsers do
 * not tell of frames.
 *
 * @param {MediaStreamTrack} device
 * @returns {Carrier}
 */
export function carryByCanvas(device) {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = new MediaStream([device]);
  const canvas = document.createElement("canvas");
  const screen = canvas.getContext("bitmaprenderer");
  const [track] = canvas.captureStream().getVideoTracks();
  if (!screen || !track) throw new Error("a canvas cannot be captured");
  const { port1, port2 } = new MessageChannel();
  const serve = (/** @type {MessageEvent<FromWorker>} */ { data }) => {
    if (data.is === "picture") screen.transferFromImageBitmap(data.picture);
    else give(data.timestamp);
  };
  const give = (/** @type {number} */ timestamp) => {
    // A video that waits for its camera has none for the moment.
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      return video.addEventListener("canplay", () => give(timestamp), { once: true });
    }
    const frame = new VideoFrame(video, { timestamp });
    port1.postMessage(frame, [frame]);
  };
  const begin = () => {
    port1.onmessage = serve;
  };
  video.play().then(begin, () => {}); // closed meanwhile, or not allowed to play: loading times out
  const close = () => {
    port1.close();
    video.srcObject = null;
    track.stop();
  };
  const frameRate = device.getSettings().frameRate || MOST_FRAMES;
  return { track, ends: { is: "canvas", port: port2, frameRate }, transfer: [port2], close };
}

/**
 * @param {CanvasEnds} ends in the worker
 * @returns {Work}
 */
export function workOnCanvas({ port, frameRate }) {
  const interval = 1000 / Math.min(frameRate, MOST_FRAMES);
  let dueAt = performance.now();
  return {
    next: async () => {
      const now = performance.now();
      const at = Math.max(dueAt, now);
      dueAt = at + interval;
      if (at > now) await new Promise((resolve) => setTimeout(resolve, at - now));
      return new Promise((resolve) => {
        port.onmessage = ({ data }) => resolve(data);
        port.postMessage({ is: "wanted", timestamp: Math.round(at * 1000) });
      });
    },
    show: async (canvas) => {
      const picture = canvas.transferToImageBitmap();
      port.postMessage({ is: "picture", picture }, [picture]);
    },
  };
}
