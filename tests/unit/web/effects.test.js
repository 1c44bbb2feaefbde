import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, describe, mock, test } from "node:test";
import { workOnCanvas } from "../../../python/tertulia/web/static/media/effects/canvas.js";
import { Pace } from "../../../python/tertulia/web/static/media/effects/pace.js";
import { workOnStreams } from "../../../python/tertulia/web/static/media/effects/streams.js";
import {
  behindMe,
  canReplaceBackground,
  canSuppressNoise,
  noiseSuppression,
} from "../../../python/tertulia/web/static/media/effects.js";
import { FakeAudioContext, FakeWorkletNode, fakeAudio } from "./fake_audio.js";
import { FakeClock } from "./fake_clock.js";
import { FakeStream, FakeTrack } from "./fake_media.js";
import { settle } from "./settle.js";

const RNNOISE = new URL("../../../python/tertulia/web/static/vendor/rnnoise/rnnoise.wasm", import.meta.url);

describe("the pace of a camera's frames", () => {
  test("is 30 a second at most, whatever the camera's", () => {
    const pace = new Pace();
    const shown = (rate) => Array.from({ length: rate }, (_, i) => pace.isDue((i * 1e6) / rate)).filter(Boolean).length;
    assert.deepEqual([shown(60), shown(30), shown(15)], [30, 30, 15]);
  });

  test("is too slow if many frames in a row take long, not for one", () => {
    const pace = new Pace();
    for (let i = 0; i < 60; i++) pace.took(i % 10 ? 40 : 300);
    assert.equal(pace.isTooSlow, false);
    for (let i = 0; i < 39; i++) pace.took(140);
    pace.took(140);
    assert.equal(pace.isTooSlow, true);
    pace.reset();
    assert.equal(pace.isTooSlow, false);
  });

  test("is not judged by the first frames, which load things", () => {
    const pace = new Pace();
    for (let i = 0; i < 39; i++) pace.took(500);
    assert.equal(pace.isTooSlow, false);
  });
});

describe("noise suppression", () => {
  beforeEach(() => {
    fakeAudio();
    mock.restoreAll();
    globalThis.addEventListener ??= () => {};
    mock.method(globalThis, "addEventListener", () => {});
    mock.method(globalThis, "fetch", async () => new Response(await readFile(RNNOISE)));
    mock.method(WebAssembly, "compileStreaming", async (answer) =>
      WebAssembly.compile(await (await answer).arrayBuffer()),
    );
  });

  test("sends what the audio thread makes of the device, at RNNoise's rate", async () => {
    assert.equal(canSuppressNoise(), true);
    const device = new FakeTrack("audio");
    const lost = [];
    const { track, close } = await noiseSuppression(device, (loss) => lost.push(loss));
    const [context] = FakeAudioContext.made;
    assert.deepEqual([context.options.sampleRate, context.sources[0], track === device], [48_000, device, false]);
    assert.match(context.modules[0], /noise\.worklet\.js$/);
    FakeWorkletNode.made[0].onprocessorerror();
    assert.deepEqual(lost, ["broken"]);
    close();
    assert.deepEqual([context.state, track.readyState, device.readyState], ["closed", "ended", "live"]);
  });

  test("that cannot be loaded leaves nothing open", async () => {
    mock.method(FakeAudioContext.prototype, "createMediaStreamSource", () => {
      throw new DOMException("another sample rate", "NotSupportedError");
    });
    await assert.rejects(
      noiseSuppression(new FakeTrack("audio"), () => {}),
      { name: "NotSupportedError" },
    );
    assert.equal(FakeAudioContext.made[0].state, "closed");
  });

  test("takes noise away, and is ten milliseconds late", async () => {
    const processors = {};
    globalThis.AudioWorkletProcessor = class {};
    globalThis.registerProcessor = (name, processor) => {
      processors[name] = processor;
    };
    await import("../../../python/tertulia/web/static/media/effects/noise.worklet.js");
    const module = await WebAssembly.compile(await readFile(RNNOISE));
    const suppressor = new processors["noise-suppressor"]({ processorOptions: { module } });
    let seed = 1;
    const noise = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return (seed / 2_147_483_647 - 0.5) * 0.2;
    };
    const energy = (samples) => samples.reduce((sum, x) => sum + x * x, 0);
    const [heard, said] = [[], []];
    for (let block = 0; block < 750; block++) {
      const input = Float32Array.from({ length: 128 }, noise);
      const output = new Float32Array(128);
      assert.equal(suppressor.process([[input]], [[output]]), true);
      heard.push(energy(input));
      said.push(energy(output));
    }
    assert.deepEqual(said.slice(0, 3), [0, 0, 0]);
    const last = (values) => values.slice(-250).reduce((a, b) => a + b);
    assert.ok(last(said) < last(heard) / 20, `${last(said)} of ${last(heard)}`);
    assert.equal(suppressor.process([[]], [[new Float32Array(128)]]), true);
  });
});

describe("the background", () => {
  /** @type {FakeClock} */
  let clock;
  const workers = [];

  class FakeWorker {
    terminated = false;
    constructor(url) {
      this.url = String(url);
      workers.push(this);
    }

    postMessage(message, transfer) {
      Object.assign(this, { message, transfer });
    }

    terminate() {
      this.terminated = true;
    }
  }

  class FakeGenerator extends FakeTrack {
    writable = "writable";
  }

  async function begin(answer) {
    const device = new FakeTrack("video");
    const lost = [];
    const running = behindMe({ is: "blur" })(device, (loss) => lost.push(loss));
    running.catch(() => {});
    await import("../../../python/tertulia/web/static/media/effects/background.js");
    await settle();
    const worker = workers.at(-1);
    if (answer) worker.onmessage({ data: answer });
    return { device, lost, running, worker };
  }

  beforeEach(() => {
    clock = new FakeClock();
    workers.length = 0;
    globalThis.Worker = FakeWorker;
    globalThis.MediaStreamTrackProcessor = class {
      readable = "readable";
    };
    globalThis.MediaStreamTrackGenerator = class extends FakeGenerator {
      constructor({ kind }) {
        super(kind);
      }
    };
  });

  test("is sent once the worker has made a frame, until it is closed", async () => {
    assert.equal(canReplaceBackground(), true);
    const { device, running, worker } = await begin({ is: "running" });
    const { track, close } = await running;
    assert.match(worker.url, /background\.worker\.js$/);
    assert.deepEqual(worker.transfer, ["readable", "writable"]);
    assert.equal(worker.message.background.is, "blur");
    device.height = 720;
    assert.equal(track.getSettings().height, 720);
    close();
    assert.deepEqual([worker.terminated, track.readyState, device.readyState], [true, "ended", "live"]);
  });

  test("ends by itself where the machine is too slow, or the worker fails", async () => {
    const { running, lost, worker } = await begin({ is: "running" });
    await running;
    worker.onmessage({ data: { is: "slow" } });
    worker.onmessage({ data: { is: "broken", message: "no frame" } });
    worker.onerror();
    assert.deepEqual(lost, ["slow", "broken", "broken"]);
  });

  test("that does not load is refused, and nothing goes on", async () => {
    const refused = await begin({ is: "broken", message: "no model" });
    await assert.rejects(refused.running, /no model/);
    const failed = await begin(null);
    failed.worker.onerror({ message: "no script" });
    await assert.rejects(failed.running, /no script/);
    const silent = await begin(null);
    await clock.advance(30_000);
    await assert.rejects(silent.running, /in time/);
    assert.deepEqual(
      workers.map(({ terminated }) => terminated),
      [true, true, true],
    );
  });

  describe("of a browser that hands out no frames", () => {
    let video;
    let canvas;
    let shown;

    class FakeVideo extends EventTarget {
      readyState = 4;
      play = async () => {};
    }

    class FakePort {
      isOpen = true;
      onmessage = null;
      postMessage(data) {
        this.other.onmessage({ data });
      }
      close() {
        this.isOpen = false;
      }
    }

    beforeEach(() => {
      video = new FakeVideo();
      const track = new FakeTrack("video");
      shown = [];
      canvas = {
        getContext: () => ({ transferFromImageBitmap: (picture) => shown.push(picture) }),
        captureStream: () => new FakeStream([track]),
      };
      delete globalThis.MediaStreamTrackProcessor;
      class Brush {}
      Object.assign(Brush.prototype, { filter: "none" });
      Object.assign(globalThis, {
        document: { createElement: (tag) => ({ video, canvas })[tag] },
        HTMLMediaElement: { HAVE_CURRENT_DATA: 2 },
        MediaStream: FakeStream,
        OffscreenCanvas: class {},
        OffscreenCanvasRenderingContext2D: Brush,
        VideoFrame: class {
          constructor(source, { timestamp }) {
            if (source.readyState < 2) throw new DOMException("no frame", "InvalidStateError");
            Object.assign(this, { source, timestamp });
          }
        },
        MessageChannel: class {
          port1 = new FakePort();
          port2 = new FakePort();
          constructor() {
            this.port1.other = this.port2;
            this.port2.other = this.port1;
          }
        },
      });
    });

    test("is drawn on a canvas if the browser can blur there, and is refused if not", async () => {
      assert.equal(canReplaceBackground(), true);
      delete OffscreenCanvasRenderingContext2D.prototype.filter;
      assert.equal(canReplaceBackground(), false);
      const { running, lost } = await begin(null);
      await assert.rejects(running, /no frames/);
      assert.deepEqual([workers.length, lost], [0, []]);
    });

    async function start() {
      const { running, ...begun } = await begin({ is: "running" });
      const { track, close } = await running;
      const { ends } = begun.worker.message;
      return { ...begun, ends, track, close, work: workOnCanvas(ends) };
    }

    test("is sent of that canvas; the worker gets a frame for each time that it asks", async () => {
      const { device, worker, ends, track, close, work } = await start();
      assert.deepEqual([worker.transfer, video.srcObject.tracks], [[ends.port], [device]]);
      const frame = await work.next();
      assert.deepEqual([frame.source, frame.timestamp], [video, 1000 * performance.now()]);
      await work.show({ transferToImageBitmap: () => "picture" });
      assert.deepEqual(shown, ["picture"]);
      close();
      assert.deepEqual([worker.terminated, track.readyState, device.readyState], [true, "ended", "live"]);
      assert.deepEqual([video.srcObject, ends.port.other.isOpen], [null, false]);
    });

    test("goes on after a moment in which the camera has no frame", async () => {
      const { work } = await start();
      video.readyState = 1;
      const next = work.next();
      await settle();
      video.readyState = 4;
      video.dispatchEvent(new Event("canplay"));
      assert.equal((await next).source, video);
    });

    test("is made as often as the camera films, at most 30 times a second, or as often as the machine can", async () => {
      const { ends } = await start();
      /** Milliseconds between two frames. */
      const pace = async (frameRate, step, msOfEach = 0) => {
        const work = workOnCanvas({ ...ends, frameRate });
        const stamps = [];
        const taking = (async () => {
          while (stamps.length < 3) {
            stamps.push((await work.next()).timestamp / 1000);
            await new Promise((resolve) => setTimeout(resolve, msOfEach));
          }
        })();
        for (let i = 0; i < 200; i++) await clock.advance(step);
        await taking;
        return Math.round(stamps[2] - stamps[1]);
      };
      assert.deepEqual(
        [ends.frameRate, await pace(2, 50), await pace(60, 1), await pace(60, 1, 45)],
        [30, 500, 33, 45],
      );
    });
  });

  test("of a browser that hands out frames is made of each, until the camera ends", async () => {
    globalThis.VideoFrame = class {
      constructor(picture, how) {
        Object.assign(this, { picture, how });
      }
    };
    const written = [];
    const readable = new ReadableStream({
      start(controller) {
        controller.enqueue("frame");
        controller.close();
      },
    });
    const work = workOnStreams({
      readable,
      writable: new WritableStream({ write: (frame) => void written.push(frame) }),
    });
    assert.deepEqual([await work.next(), await work.next()], ["frame", null]);
    await work.show("picture", 40);
    assert.deepEqual(
      written.map(({ picture, how }) => [picture, how.timestamp, how.alpha]),
      [["picture", 40, "discard"]],
    );
  });
});
