import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { LevelMeter } from "../../../python/tertulia/web/static/media/level.js";

/** A browser that lets no page hear before something was pressed, as Firefox does. */
class FakeContext {
  static allowed = false;
  state = "suspended";
  loudness = 0.1;

  createAnalyser() {
    return { getFloatTimeDomainData: (samples) => samples.fill(this.state === "running" ? this.loudness : 0) };
  }

  createMediaStreamSource() {
    return { connect: () => {}, disconnect: () => {} };
  }

  async resume() {
    if (FakeContext.allowed) this.state = "running";
  }

  async close() {
    this.state = "closed";
  }
}

beforeEach(() => {
  FakeContext.allowed = false;
  globalThis.AudioContext = FakeContext;
  globalThis.MediaStream = class {};
});

test("measures nothing before the browser allows it, and wakes after a click", () => {
  const meter = new LevelMeter();
  assert.equal(meter.read(), 0);
  meter.listenTo({});
  assert.equal(meter.read(), 0);
  FakeContext.allowed = true;
  meter.wake();
  assert.ok(Math.abs(meter.read() - 0.4) < 0.001);
  meter.listenTo(null);
  assert.equal(meter.read(), 0);
});

test("measures at once where it may", () => {
  FakeContext.allowed = true;
  const meter = new LevelMeter();
  meter.listenTo({});
  assert.ok(meter.read() > 0.3);
  meter.close();
});
