import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Redraw } from "../../../python/tertulia/web/static/view/redraw.js";

/** Milliseconds. */
let now;
/** @type {Map<number, () => void>} what the next frame runs */
let frame;
/** @type {number[]} when something was shown */
let shown;
let takes;
let redraw;

const nextFrame = () => {
  const runs = [...frame.values()];
  frame.clear();
  for (const run of runs) run();
};

const pass = (ms) => {
  now += ms;
  mock.timers.tick(ms);
};

beforeEach(() => {
  mock.reset();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(performance, "now", () => now);
  now = 0;
  frame = new Map();
  shown = [];
  takes = 0;
  let frames = 0;
  globalThis.requestAnimationFrame = (run) => {
    frame.set(++frames, run);
    return frames;
  };
  globalThis.cancelAnimationFrame = (id) => frame.delete(id);
  redraw = new Redraw(() => {
    shown.push(now);
    now += takes;
  });
});

test("many changes are shown once, with the next frame", () => {
  for (let i = 0; i < 100; i++) redraw.schedule();
  assert.deepEqual(shown, []);
  nextFrame();
  pass(1000);
  assert.deepEqual(shown, [0]);
  redraw.schedule();
  nextFrame();
  assert.deepEqual(shown, [0, 1000]);
});

test("a page without frames is shown what has changed all the same", () => {
  redraw.schedule();
  pass(250);
  assert.deepEqual(shown, [250]);
});

test("what takes long is shown less often", () => {
  takes = 100;
  redraw.schedule();
  nextFrame();
  redraw.schedule();
  nextFrame();
  pass(399);
  assert.deepEqual(shown, [0]);
  pass(1);
  assert.deepEqual(shown, [0, 500]);
});

test("what is closed shows nothing", () => {
  redraw.schedule();
  redraw.close();
  nextFrame();
  pass(1000);
  assert.deepEqual(shown, []);
});
