import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Emitter } from "../../../python/tertulia/web/static/protocol.js";
import { FirstPictures } from "../../../python/tertulia/web/static/view/picture.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";
import { fakeBrowser } from "./fake_peer_connection.js";

/** A video element that presents a frame when the test says so. */
class FakeVideo {
  srcObject = null;
  muted = false;
  autoplay = false;
  playsInline = false;
  plays = false;
  requests = [];

  append() {}

  async play() {
    this.plays = true;
  }

  requestVideoFrameCallback(callback) {
    return this.requests.push(callback);
  }

  frame() {
    for (const callback of this.requests.splice(0)) callback(performance.now(), { receiveTime: performance.now() });
  }
}

/** A meeting in which Ana films, and Ben says nothing of his camera. */
class FakeMeeting extends Emitter {
  shown = [];
  roster = new Map([
    ["ana", { isVideoOn: true }],
    ["ben", { isVideoOn: false }],
  ]);

  tracks() {
    return this.shown;
  }

  comes(userId, source = "camera", track = new FakeTrack("video")) {
    this.shown.push({ userId, source, kind: track.kind, track, since: performance.now() });
    this.emit("tracks", null);
    return track;
  }
}

/** @type {FakeVideo[]} */
let made;
let meeting;
let pictures;

beforeEach(() => {
  new FakeClock();
  fakeBrowser();
  made = [];
  globalThis.document = {
    createElement: () => {
      const video = new FakeVideo();
      made.push(video);
      return video;
    },
  };
  meeting = new FakeMeeting();
  pictures = new FirstPictures(meeting);
});

test("videos play as soon as it is known whose they are, and tiles take them over as they are", () => {
  const track = meeting.comes("ana");
  meeting.comes("ana", "screen");
  assert.deepEqual(
    [made.length, made[0].plays, made[0].muted, made[0].srcObject.getTracks()],
    [2, true, true, [track]],
  );
  made[0].frame();
  const picture = pictures.take("ana/camera");
  assert.equal(picture.video, made[0]);
  const told = [];
  picture.follow((visible) => told.push(visible));
  picture.show({ track, since: meeting.shown[0].since, isOn: true });
  assert.deepEqual([told, made[0].srcObject.getTracks()], [[true], [track]]);
});

test("each plays once, in the slot where it is by now", () => {
  meeting.comes("ana");
  const moved = new FakeTrack("video");
  meeting.shown = [];
  meeting.comes("ana", "camera", moved);
  assert.deepEqual([made.length, made[0].srcObject.getTracks()], [1, [moved]]);
});

test("a camera that nobody says is on is shown for as long as frames come", async () => {
  const clock = new FakeClock();
  meeting.comes("ben");
  made[0].frame();
  const told = [];
  pictures.take("ben/camera").follow((visible) => told.push(visible));
  await clock.advance(2_000);
  assert.deepEqual(told, [true, false]);
});

test("voices are no pictures, and a tile whose person sends nothing has one of its own", () => {
  meeting.comes("ana", "microphone", new FakeTrack("audio"));
  assert.equal(made.length, 0);
  const picture = pictures.take("ana/camera");
  assert.equal(picture.video, made[0]);
  assert.notEqual(pictures.take("ana/camera"), picture);
});

test("once there are tiles, those that nobody took stop, and no more begin", () => {
  meeting.comes("ana");
  meeting.comes("ben");
  const taken = pictures.take("ana/camera");
  pictures.close();
  meeting.comes("cem");
  assert.deepEqual([made.length, taken.video.srcObject !== null, made[1].srcObject], [2, true, null]);
});
