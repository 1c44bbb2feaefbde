import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { playTone } from "../../../python/tertulia/web/static/view/check/tone.js";
import { FakeAudioContext, fakeAudio } from "./fake_audio.js";
import { FakeClock } from "./fake_clock.js";
import { FakeStream } from "./fake_media.js";

class Node {
  connect() {}
  start() {}
  stop() {}
}

let players = [];
let plays = async () => {};

beforeEach(() => {
  fakeAudio();
  players = [];
  FakeAudioContext.prototype.createMediaStreamDestination = () => ({ stream: new FakeStream() });
  Object.assign(globalThis, { GainNode: Node, OscillatorNode: Node });
  globalThis.Audio = class {
    srcObject = null;
    play = () => plays();
    constructor() {
      players.push(this);
    }
  };
});

const isFreed = () => FakeAudioContext.made[0].state === "closed" && players[0].srcObject === null;

test("what played the test sound is freed when it is over", async () => {
  const clock = new FakeClock();
  plays = async () => {};
  const played = playTone("");
  await clock.advance(500);
  assert.equal(isFreed(), false);
  await clock.advance(500);
  await played;
  assert.equal(isFreed(), true);
});

test("and when it cannot be played", async () => {
  plays = async () => {
    throw new DOMException("not now", "NotAllowedError");
  };
  await assert.rejects(playTone(""), { name: "NotAllowedError" });
  assert.equal(isFreed(), true);
});
