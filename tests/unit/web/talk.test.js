import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { PushToTalk } from "../../../python/tertulia/web/static/view/talk.js";
import { FakeClock } from "./fake_clock.js";

/** @type {FakeClock} */
let clock;

function setUp(isMuted = true) {
  const microphone = { isMuted, changes: [] };
  const talk = new PushToTalk({
    isMuted: () => microphone.isMuted,
    setMuted: (muted) => {
      microphone.isMuted = muted;
      microphone.changes.push(muted ? "muted" : "unmuted");
    },
  });
  return { talk, microphone };
}

beforeEach(() => {
  clock = new FakeClock();
});

test("speaks for as long as the key is held, and is muted again", () => {
  const { talk, microphone } = setUp();
  talk.press(false);
  assert.equal(microphone.isMuted, false);
  assert.equal(talk.release(), true);
  assert.deepEqual(microphone.changes, ["unmuted", "muted"]);
});

test("does nothing to someone who is not muted, but the key presses nothing either", () => {
  const { talk, microphone } = setUp(false);
  talk.press(false);
  assert.equal(talk.release(), true);
  assert.deepEqual([microphone.isMuted, microphone.changes], [false, []]);
});

test("a short press on a control is the control's", async () => {
  const { talk, microphone } = setUp();
  talk.press(true);
  await clock.advance(200);
  assert.equal(talk.release(), false);
  await clock.advance(1000);
  assert.deepEqual(microphone.changes, []);
});

test("a long press on a control speaks", async () => {
  const { talk, microphone } = setUp();
  talk.press(true);
  await clock.advance(400);
  assert.equal(microphone.isMuted, false);
  assert.equal(talk.release(), true);
  assert.equal(microphone.isMuted, true);
});

test("a key that was not pressed here is not ours", () => {
  const { talk, microphone } = setUp();
  assert.equal(talk.release(), false);
  assert.deepEqual(microphone.changes, []);
});

test("pressed again while held, nothing changes", async () => {
  const { talk, microphone } = setUp();
  talk.press(false);
  talk.press(true);
  await clock.advance(1000);
  assert.deepEqual(microphone.changes, ["unmuted"]);
  talk.press(false);
  talk.release();
  assert.deepEqual(microphone.changes, ["unmuted", "muted"]);
});

test("pressed again while a control's press is undecided, it still speaks after a while, once", async () => {
  const { talk, microphone } = setUp();
  talk.press(true);
  await clock.advance(200);
  talk.press(true);
  await clock.advance(200);
  assert.deepEqual(microphone.changes, ["unmuted"]);
  assert.equal(talk.release(), true);
  assert.equal(talk.release(), false);
  assert.deepEqual(microphone.changes, ["unmuted", "muted"]);
});
