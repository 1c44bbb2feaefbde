import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Picture } from "../../../python/tertulia/web/static/view/picture.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";
import { fakeBrowser } from "./fake_peer_connection.js";

/** @type {FakeClock} */
let clock;

/** A video element that presents a frame when the test says so. */
class FakeVideo {
  srcObject = null;
  requests = [];

  async play() {}

  requestVideoFrameCallback(callback) {
    return this.requests.push(callback);
  }

  frame(receiveTime = performance.now()) {
    for (const callback of this.requests.splice(0)) callback(performance.now(), { receiveTime });
  }
}

function setUp(video = new FakeVideo()) {
  const picture = new Picture(video);
  picture.follow((visible) => {
    seen.visible = visible;
  });
  const seen = { visible: false };
  return { picture, video, seen };
}

const TRACK = new FakeTrack("video");

beforeEach(() => {
  clock = new FakeClock();
  fakeBrowser();
});

test("is visible from the first frame on", () => {
  const { picture, video, seen } = setUp();
  picture.show({ track: TRACK, since: 0, isOn: true });
  assert.deepEqual([seen.visible, video.srcObject.getTracks()], [false, [TRACK]]);
  video.frame();
  assert.deepEqual([seen.visible, video.requests], [true, []]);
});

test("whoever follows a picture that is there is told at once, and of what changes", () => {
  const video = new FakeVideo();
  const picture = new Picture(video);
  picture.show({ track: TRACK, since: 0, isOn: true });
  video.frame();
  const told = [];
  picture.follow((visible) => told.push(visible));
  picture.close();
  assert.deepEqual(told, [true, false]);
  picture.follow((visible) => told.push(visible));
  assert.equal(told.length, 2);
});

test("stays while no frame comes: an announced camera may be slow", async () => {
  const { picture, video, seen } = setUp();
  picture.show({ track: TRACK, since: 0, isOn: true });
  video.frame();
  await clock.advance(10_000);
  assert.equal(seen.visible, true);
});

test("is not visible before its frame, however often that is asked for", () => {
  const { picture, seen } = setUp();
  picture.show({ track: TRACK, since: 0, isOn: true });
  picture.show({ track: TRACK, since: 0, isOn: true });
  assert.equal(seen.visible, false);
});

test("a frame that was received for the one before is not shown", () => {
  const { picture, video, seen } = setUp();
  picture.show({ track: TRACK, since: performance.now(), isOn: true });
  video.frame(performance.now() - 1);
  assert.equal(seen.visible, false);
  video.frame();
  assert.equal(seen.visible, true);
});

test("the same again changes nothing; another person in the slot hides the picture until theirs comes", () => {
  const { picture, video, seen } = setUp();
  const shown = { track: TRACK, since: 1, isOn: true };
  picture.show(shown);
  video.frame();
  const stream = video.srcObject;
  picture.show({ ...shown });
  assert.deepEqual([seen.visible, video.srcObject], [true, stream]);
  picture.show({ ...shown, since: 2 });
  assert.deepEqual([seen.visible, video.srcObject], [false, stream]);
  video.frame();
  assert.equal(seen.visible, true);
});

test("another track is another stream", () => {
  const { picture, video, seen } = setUp();
  picture.show({ track: TRACK, since: 0, isOn: true });
  video.frame();
  const other = new FakeTrack("video");
  picture.show({ track: other, since: 0, isOn: true });
  assert.deepEqual([seen.visible, video.srcObject.getTracks()], [false, [other]]);
});

test("without a track there is none, whatever frame still comes", () => {
  const { picture, video, seen } = setUp();
  picture.show({ track: TRACK, since: 0, isOn: true });
  picture.close();
  video.frame();
  assert.deepEqual([seen.visible, video.srcObject], [false, null]);
});

describe("a camera that nobody says is on", () => {
  const silent = { track: TRACK, since: 0, isOn: false };

  test("is shown for as long as frames come", async () => {
    const { picture, video, seen } = setUp();
    picture.show(silent);
    for (let i = 0; i < 5; i++) {
      video.frame();
      await clock.advance(1000);
      assert.equal(seen.visible, true);
    }
    await clock.advance(600);
    assert.equal(seen.visible, false);
    video.frame();
    assert.equal(seen.visible, true);
  });

  test("has one request for a frame at a time", () => {
    const { picture, video } = setUp();
    picture.show(silent);
    video.frame();
    picture.show({ ...silent, since: 1 });
    picture.show({ ...silent, since: 2 });
    assert.equal(video.requests.length, 1);
  });

  test("stays once it is said to be on", async () => {
    const { picture, video, seen } = setUp();
    picture.show(silent);
    video.frame();
    picture.show({ ...silent, isOn: true });
    await clock.advance(10_000);
    assert.equal(seen.visible, true);
  });
});

test("a camera that is said to be off is hidden at once, also from the frames that were under way", async () => {
  const { picture, video, seen } = setUp();
  picture.show({ track: TRACK, since: 0, isOn: true });
  video.frame();
  picture.show({ track: TRACK, since: 0, isOn: false });
  assert.equal(seen.visible, false);
  await clock.advance(200);
  video.frame();
  assert.equal(seen.visible, false);
  picture.show({ track: TRACK, since: 0, isOn: true });
  await clock.advance(2000);
  video.frame();
  assert.equal(seen.visible, true);
});

test("a browser that does not tell of frames shows what there is", () => {
  const { picture, seen } = setUp({ srcObject: null, play: async () => {} });
  picture.show({ track: TRACK, since: 0, isOn: true });
  assert.equal(seen.visible, true);
});
