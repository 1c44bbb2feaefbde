/**
 * Finds the person in each frame of a camera, and replaces what is behind them. A classic worker, since TensorFlow Lite
 * comes as a script. It gets `{ends, background}` once, says `{is: "running"}` with the first frame, and
 * `{is: "slow"}` or `{is: "broken", message}` at the end.
 *
 * @import { Background, Carrier, Work } from "./background.js"
 *
 * @typedef {object} Tflite what TensorFlow Lite exports; offsets and lengths in bytes
 * @property {Uint8Array} HEAPU8
 * @property {Float32Array} HEAPF32
 * @property {() => number} _getModelBufferMemoryOffset
 * @property {(length: number) => number} _loadModel
 * @property {() => number} _getInputMemoryOffset
 * @property {() => number} _getInputWidth
 * @property {() => number} _getInputHeight
 * @property {() => number} _runInference
 * @property {() => number} _getOutputMemoryOffset
 */

const VENDOR = "/static/vendor/tflite/";
/** In pixels of what the model sees: a background is blurred at that size and shown larger, which costs little. */
const BLUR = 6;
/** Pixels that a machine shows at most which is too slow for more. */
const SMALL_WIDTH = 640;
/** Of the mask: what the model is less sure of is background, what it is surer of is the person. */
const [LEAST, MOST] = [0.35, 0.75];
/** How much of the last mask stays, so that edges do not flicker. */
const INERTIA = 0.3;

/** Tells people from what is behind them. */
class Segmenter {
  /** The frame as the model sees it. */
  seen;
  /** Opaque where the person is. */
  mask;
  #tflite;
  #eye;
  #pen;
  #pixels;

  /** @param {Tflite} tflite with its model loaded */
  constructor(tflite) {
    this.#tflite = tflite;
    const [width, height] = [tflite._getInputWidth(), tflite._getInputHeight()];
    this.seen = new OffscreenCanvas(width, height);
    this.mask = new OffscreenCanvas(width, height);
    this.#eye = brushOf(this.seen, { willReadFrequently: true });
    this.#pen = brushOf(this.mask);
    this.#pixels = new ImageData(width, height);
  }

  static async load() {
    const scope = /** @type {any} */ (globalThis);
    scope.importScripts(`${VENDOR}tflite-simd-1-0-0.js`);
    const [tflite, model] = await Promise.all([
      scope.createTwilioTFLiteSIMDModule({
        locateFile: (/** @type {string} */ name) => VENDOR + name,
        // It says by this that it has begun.
        printErr: console.debug,
      }),
      fetch(`${VENDOR}selfie_segmentation_landscape.tflite`).then((answer) => answer.arrayBuffer()),
    ]);
    if (isBlind()) throw new Error("the browser gives other pixels than were drawn");
    tflite.HEAPU8.set(new Uint8Array(model), tflite._getModelBufferMemoryOffset());
    tflite._loadModel(model.byteLength);
    return new Segmenter(tflite);
  }

  /** @param {VideoFrame} frame sets `seen` and `mask` */
  look(frame) {
    const { width, height } = this.seen;
    this.#eye.drawImage(frame, 0, 0, width, height);
    this.#read(this.#eye.getImageData(0, 0, width, height).data);
    this.#tflite._runInference();
    this.#write(this.#pixels.data);
    this.#pen.putImageData(this.#pixels, 0, 0);
  }

  /** @param {Uint8ClampedArray} pixels */
  #read(pixels) {
    const { HEAPF32: heap } = this.#tflite;
    let to = this.#tflite._getInputMemoryOffset() / 4;
    for (let from = 0; from < pixels.length; from += 4) {
      heap[to++] = (pixels[from] ?? 0) / 255;
      heap[to++] = (pixels[from + 1] ?? 0) / 255;
      heap[to++] = (pixels[from + 2] ?? 0) / 255;
    }
  }

  /** @param {Uint8ClampedArray} mask */
  #write(mask) {
    const { HEAPF32: heap } = this.#tflite;
    let from = this.#tflite._getOutputMemoryOffset() / 4;
    for (let to = 3; to < mask.length; to += 4) {
      const sure = Math.min(1, Math.max(0, ((heap[from++] ?? 0) - LEAST) / (MOST - LEAST)));
      mask[to] = sure * 255 * (1 - INERTIA) + (mask[to] ?? 0) * INERTIA;
    }
  }
}

/** Draws a frame with another background. */
class Painter {
  #canvas = new OffscreenCanvas(1, 1);
  #brush = brushOf(this.#canvas);
  #behind = new OffscreenCanvas(1, 1);
  #brushBehind = brushOf(this.#behind);
  #background;
  #picture;
  #most = Infinity;

  /**
   * @param {Background} background
   * @param {ImageBitmap | null} picture
   */
  constructor(background, picture) {
    this.#background = background;
    this.#picture = picture;
  }

  /** @returns {boolean} whether pictures are smaller from now on */
  shrink() {
    const isLarger = this.#canvas.width > SMALL_WIDTH;
    this.#most = SMALL_WIDTH;
    return isLarger;
  }

  /**
   * @param {VideoFrame} frame
   * @param {Segmenter} segmenter which has looked at it
   * @returns {OffscreenCanvas} the picture, which is overwritten by the next call
   */
  paint(frame, { seen, mask }) {
    const scale = Math.min(1, this.#most / frame.displayWidth);
    const [width, height] = [frame.displayWidth, frame.displayHeight].map((side) => Math.round(side * scale));
    if (!width || !height) return this.#canvas;
    const isBlurred = this.#background.is === "blur";
    const size = isBlurred ? seen : { width, height };
    if (this.#canvas.width !== width || this.#canvas.height !== height) this.#resize(width, height, size);
    if (isBlurred) this.#blur(seen);
    const brush = this.#brush;
    brush.globalCompositeOperation = "copy";
    brush.drawImage(mask, 0, 0, width, height);
    brush.globalCompositeOperation = "source-in";
    brush.drawImage(frame, 0, 0, width, height);
    brush.globalCompositeOperation = "destination-over";
    brush.drawImage(this.#behind, 0, 0, width, height);
    return this.#canvas;
  }

  /**
   * @param {number} width
   * @param {number} height
   * @param {{width: number, height: number}} behind
   */
  #resize(width, height, behind) {
    Object.assign(this.#canvas, { width, height });
    Object.assign(this.#behind, { width: behind.width, height: behind.height });
    if (this.#picture) this.#cover(this.#picture);
    else if (this.#background.is === "plain") this.#wash();
  }

  /** @param {OffscreenCanvas} seen */
  #blur(seen) {
    const { width, height } = this.#behind;
    this.#brushBehind.filter = `blur(${BLUR}px)`;
    // Beyond the edge there is nothing to blur with.
    this.#brushBehind.drawImage(seen, -2 * BLUR, -2 * BLUR, width + 4 * BLUR, height + 4 * BLUR);
  }

  /** @param {ImageBitmap} picture as large as needed to leave nothing free, in its middle */
  #cover(picture) {
    const { width, height } = this.#behind;
    const scale = Math.max(width / picture.width, height / picture.height);
    const [w, h] = [picture.width * scale, picture.height * scale];
    this.#brushBehind.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
  }

  /** A warm wall, lit from above. */
  #wash() {
    const { width, height } = this.#behind;
    const light = this.#brushBehind.createRadialGradient(width / 2, 0, 0, width / 2, 0, width);
    light.addColorStop(0, "#efe3d3");
    light.addColorStop(1, "#b79f86");
    this.#brushBehind.fillStyle = light;
    this.#brushBehind.fillRect(0, 0, width, height);
  }
}

/** Whether the browser hides from pages what a canvas shows, as some do against fingerprinting: a person is not found. */
function isBlind() {
  const brush = brushOf(new OffscreenCanvas(16, 16), { willReadFrequently: true });
  const drawn = [240, 120, 20];
  brush.fillStyle = `rgb(${drawn})`;
  brush.fillRect(0, 0, 16, 16);
  const { data } = brush.getImageData(0, 0, 16, 16);
  // Others change a color by very little, which does no harm.
  return data.some((value, i) => Math.abs(value - (drawn[i % 4] ?? value)) > 8);
}

/**
 * @param {OffscreenCanvas} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
function brushOf(canvas, settings) {
  const brush = canvas.getContext("2d", settings);
  if (!brush) throw new Error("a canvas cannot be drawn on");
  return brush;
}

/**
 * @param {Carrier["ends"]} ends
 * @returns {Promise<Work>}
 */
async function workOn(ends) {
  return ends.is === "streams"
    ? (await import("./streams.js")).workOnStreams(ends)
    : (await import("./canvas.js")).workOnCanvas(ends);
}

/** @param {{ends: Carrier["ends"], background: Background}} what */
async function run({ ends, background }) {
  const work = await workOn(ends);
  const { Pace } = await import("./pace.js");
  const picture = background.is === "picture" ? await createImageBitmap(background.picture) : null;
  const [segmenter, painter, pace] = [await Segmenter.load(), new Painter(background, picture), new Pace()];
  let isRunning = false;
  for (;;) {
    const frame = await work.next();
    if (!frame) return;
    const { timestamp } = frame;
    const began = performance.now();
    if (!pace.isDue(timestamp)) {
      frame.close();
      continue;
    }
    segmenter.look(frame);
    const painted = painter.paint(frame, segmenter);
    frame.close();
    await work.show(painted, timestamp);
    pace.took(performance.now() - began);
    if (!isRunning) postMessage({ is: "running" });
    isRunning = true;
    if (!pace.isTooSlow) continue;
    if (!painter.shrink()) return postMessage({ is: "slow" });
    pace.reset();
  }
}

addEventListener("message", ({ data }) => {
  run(data).catch((error) => postMessage({ is: "broken", message: String(error) }));
});
