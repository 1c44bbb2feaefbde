import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, describe, mock, test } from "node:test";
import { Pace } from "../../../python/tertulia/web/static/media/effects/pace.js";
import {
  behindMe,
  canReplaceBackground,
  canSuppressNoise,
  noiseSuppression,
} from "../../../python/tertulia/web/static/media/effects.js";
import { FakeAudioContext, FakeWorkletNode, fakeAudio } from "./fake_audio.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";
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
});
