import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { MAX_VIDEO_SLOTS, Slots } from "../../../python/tertulia/web/static/media/sfu/slots.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";
import { FakePeerConnection, fakeBrowser } from "./fake_peer_connection.js";

/** @type {FakeClock} */
let clock;

async function setUp(videos = 2) {
  const pc = new FakePeerConnection();
  const slots = new Slots(pc, videos);
  await pc.setLocalDescription();
  return { pc, slots };
}

const slot = (mid, userId, source = "camera") => ({ mid, userId, source, kind: "video" });
const ofSomeone = (slots) => slots.tracks().filter(({ userId }) => userId !== null);

/** A track event of an m-line that is no slot. */
const offered = (mid, kind, stream) => ({
  track: new FakeTrack(kind),
  transceiver: { mid },
  streams: stream === undefined ? [] : [{ id: stream }],
});

beforeEach(() => {
  clock = new FakeClock();
  fakeBrowser();
});

test("audio slots are played before anyone is in them, video slots are not shown", async () => {
  const { slots } = await setUp();
  assert.deepEqual(
    slots.tracks().map(({ kind, userId }) => [kind, userId]),
    Array(4).fill(["audio", null]),
  );
});

test("whoever is assigned to a slot has its track", async () => {
  const { pc, slots } = await setUp();
  slots.assign([slot("4", "ana"), { mid: "0", userId: "ana", source: "microphone", kind: "audio" }]);
  const tracks = ofSomeone(slots);
  assert.deepEqual(
    tracks.map(({ key, kind }) => [key, kind]),
    [
      ["4/ana/camera", "video"],
      ["0/ana/microphone", "audio"],
    ],
  );
  assert.equal(tracks[0].track, pc.getTransceivers()[4].receiver.track);
  assert.equal(slots.trackOf("4")?.userId, "ana");
  assert.equal(slots.tracks().length, 1 + 4);
});

test("an assignment replaces the last one; slots without anyone and unknown ones are left out", async () => {
  const { slots } = await setUp();
  slots.assign([slot("4", "ana")]);
  slots.assign([slot("5", "ben"), slot("4", null), slot("99", "cleo")]);
  assert.deepEqual(
    ofSomeone(slots).map(({ userId }) => userId),
    ["ben"],
  );
  assert.equal(slots.trackOf("4"), undefined);
});

test("`since` is when the person got the slot, however often that is said again", async () => {
  const { slots } = await setUp();
  slots.assign([slot("4", "ana")]);
  const [{ since }] = ofSomeone(slots);
  await clock.advance(1000);
  slots.assign([slot("4", "ana")]);
  assert.equal(ofSomeone(slots)[0].since, since);
  slots.assign([slot("4", "ana", "screen")]);
  assert.equal(ofSomeone(slots)[0].since, since + 1000);
  await clock.advance(1000);
  slots.assign([slot("4", "ben", "screen")]);
  assert.equal(ofSomeone(slots)[0].since, since + 2000);
});

test("the pool grows as far as it may, and never shrinks", async () => {
  const { pc, slots } = await setUp(2);
  assert.equal(slots.grow(2), false);
  assert.equal(slots.grow(1), false);
  assert.equal(slots.grow(9), true);
  slots.grow(1000);
  const videos = pc.getTransceivers().filter(({ kind }) => kind === "video");
  assert.equal(videos.length, MAX_VIDEO_SLOTS);
  assert.ok(videos.every(({ direction }) => direction === "recvonly"));
  assert.equal(slots.grow(1000), false);
});

test("m-lines that the SFU offers are named by their stream", async () => {
  const { slots } = await setUp();
  for (const event of [
    offered("20", "video", "ana"),
    offered("21", "video", "ana/screen"),
    offered("22", "audio", "ana"),
    offered("23", "audio", "ana/screen"),
  ]) {
    assert.equal(
      slots.adopt(event, () => {}),
      true,
    );
  }
  const sources = ofSomeone(slots).map(({ userId, source }) => `${userId} ${source}`);
  assert.deepEqual(sources, ["ana camera", "ana screen", "ana microphone", "ana screen-audio"]);
  assert.equal(slots.trackOf("21")?.source, "screen");
});

test("an offered m-line that falls silent is gone, and that is told", async () => {
  const { slots } = await setUp();
  let told = 0;
  const event = offered("20", "video", "ana");
  slots.adopt(event, () => told++);
  event.track.onmute();
  assert.deepEqual([ofSomeone(slots), told], [[], 1]);
  event.track.onmute();
  assert.equal(told, 1);
});

test("the track event of a slot brings nothing new", async () => {
  const { pc, slots } = await setUp();
  const transceiver = pc.getTransceivers()[0];
  assert.equal(
    slots.adopt({ track: transceiver.receiver.track, transceiver, streams: [] }, () => {}),
    false,
  );
});
