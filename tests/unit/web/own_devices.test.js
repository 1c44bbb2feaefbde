import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { LocalMedia } from "../../../python/tertulia/web/static/media.js";
import { Emitter } from "../../../python/tertulia/web/static/protocol.js";
import { OwnDevices } from "../../../python/tertulia/web/static/view/own_devices.js";
import { Permissions } from "../../../python/tertulia/web/static/view/permissions.js";
import "./english.js";
import { FakeClock } from "./fake_clock.js";
import { FakeStream, FakeTrack } from "./fake_media.js";
import { fakeNotices } from "./fake_notices.js";
import { settle } from "./settle.js";

/** @type {FakeClock} */
let clock;
let notices;
let asked;
let cameras;
let local;
let meeting;
let own;
let rights;

beforeEach(async () => {
  clock = new FakeClock();
  notices = fakeNotices();
  asked = [];
  cameras = 1;
  rights = { unmute: true, video: true, share: true, chat: true };
  const mediaDevices = {
    getUserMedia: async (constraints) => {
      asked.push(Object.keys(constraints));
      return new FakeStream(Object.keys(constraints).map((kind) => new FakeTrack(kind)));
    },
    enumerateDevices: async () => Array.from({ length: cameras }, () => ({ kind: "videoinput" })),
  };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true });
  Object.assign(globalThis, { localStorage: { getItem: () => null, setItem: () => {} } });
  local = new LocalMedia({ microphone: "", camera: "", quality: "standard" });
  const roster = { get: (userId) => (userId === "host" ? { displayName: "Ana" } : undefined) };
  meeting = Object.assign(new Emitter(), { roster, role: "attendee", may: (right) => rights[right] });
  await local.start(["microphone", "camera"]);
  own = new OwnDevices(meeting, local, new Permissions(meeting), () => {});
  own.listen();
  asked = [];
});

test("what has befallen both devices is said once, and both are turned on by one question", async () => {
  for (const what of ["microphone", "camera"]) local.device(what).end();
  assert.equal(notices.said().length, 1);
  assert.match(notices.said()[0], /^Your microphone and camera have stopped/);
  notices.press("Turn on again");
  await settle();
  assert.deepEqual([asked, notices.said()], [[["audio", "video"]], []]);
});

test("whoever was muted when a microphone was lost is muted when it is back", async () => {
  for (const [lost, back] of [
    [["microphone"], [["audio"]]],
    [["microphone", "camera"], [["audio", "video"]]],
  ]) {
    own.setMuted(true);
    for (const what of lost) local.device(what).end();
    notices.press("Turn on again");
    await settle();
    assert.deepEqual([asked, local.isMuted, local.track("microphone").enabled], [back, true, false]);
    own.setMuted(false);
    await settle();
    assert.deepEqual([local.isMuted, local.track("microphone").enabled], [false, true]);
    asked = [];
  }
});

test("whoever a host mutes while the microphone is lost is muted when it is back", async () => {
  local.device("microphone").end();
  meeting.emit("muteRequested", "host");
  assert.deepEqual(notices.said().length, 1, "that they are muted is no news to them");
  notices.press("Turn on again");
  await settle();
  assert.deepEqual([local.isMuted, local.track("microphone").enabled], [true, false]);
});

test("one that could not be opened is unmuted by the next try", async () => {
  local.device("microphone").end();
  const { getUserMedia } = navigator.mediaDevices;
  navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException("", "NotReadableError");
  };
  own.setMuted(false);
  await settle();
  navigator.mediaDevices.getUserMedia = getUserMedia;
  notices.press("Try again");
  await settle();
  assert.deepEqual([local.isMuted, notices.said()], [false, []]);
});

test("one that is turned on by its own button is not spoken of any more", async () => {
  for (const what of ["microphone", "camera"]) local.device(what).end();
  own.setCamera(true);
  await settle();
  assert.equal(notices.said().length, 1);
  assert.match(notices.said()[0], /^Your microphone has stopped/);
});

test("what is closed does not come back when the other device does", async () => {
  for (const what of ["microphone", "camera"]) local.device(what).end();
  notices.press("OK");
  own.setCamera(true);
  await settle();
  assert.deepEqual(notices.said(), []);
});

test("a device from which nothing comes is opened again, and forgotten once something does", async () => {
  local.device("microphone").withhold(true);
  await clock.advance(3000);
  assert.equal(notices.said().length, 1);
  notices.press("Turn on again");
  await settle();
  assert.deepEqual([asked, notices.said()], [[["audio"]], []]);
  local.device("camera").withhold(true);
  await clock.advance(3000);
  assert.equal(notices.said().length, 1);
  local.device("camera").withhold(false);
  assert.deepEqual(notices.said(), []);
});

test("who may not unmute or film stays so, and is told", async () => {
  await local.setMuted(true);
  await local.setCamera(false);
  rights = { ...rights, unmute: false, video: false };
  own.setMuted(false);
  own.setCamera(true);
  await settle();
  assert.deepEqual([local.isMuted, local.isVideoOn, asked], [true, false, []]);
  assert.equal(notices.said().length, 2);
});

test("whom a host mutes is told by whom, and may unmute", async () => {
  meeting.emit("muteRequested", "host");
  await settle();
  assert.equal(local.isMuted, true);
  assert.match(notices.said()[0], /Ana/);
  notices.press("Unmute");
  await settle();
  assert.deepEqual([local.isMuted, notices.said()], [false, []]);
});

test("one turns to another camera where there is one", async () => {
  assert.equal(own.canFlip, false);
  cameras = 2;
  await local.setCamera(false);
  await local.setCamera(true);
  await settle();
  assert.equal(own.canFlip, true);
});
