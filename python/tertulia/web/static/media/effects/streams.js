/** @import { Carrier, Work } from "./background.js" */

/** @typedef {{is: "streams", readable: ReadableStream<VideoFrame>, writable: WritableStream<VideoFrame>}} StreamEnds */

/**
 * Streams of frames, which Chromium hands over and takes in the worker itself: while the tab is hidden, too.
 *
 * @param {MediaStreamTrack} device
 * @returns {Carrier}
 */
export function carryByStreams(device) {
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = /** @type {any} */ (globalThis);
  const { readable } = new MediaStreamTrackProcessor({ track: device, maxBufferSize: 2 });
  const track = new MediaStreamTrackGenerator({ kind: "video" });
  const { writable } = track;
  const ends = /** @type {StreamEnds} */ ({ is: "streams", readable, writable });
  return { track, ends, transfer: [readable, writable], close: () => track.stop() };
}

/**
 * @param {StreamEnds} ends in the worker
 * @returns {Work}
 */
export function workOnStreams({ readable, writable }) {
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  return {
    next: async () => (await reader.read()).value ?? null,
    show: (picture, timestamp) => writer.write(new VideoFrame(picture, { timestamp, alpha: "discard" })),
  };
}
