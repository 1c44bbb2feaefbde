import assert from "node:assert/strict";
import { test } from "node:test";
import { follow } from "../../../python/tertulia/web/static/view/recording/follower.js";

class FakePlayable extends EventTarget {
  currentTime = 0;
  paused = true;
  seeking = false;
  readyState = 4;
  playbackRate = 1;
  jumps = 0;

  async play() {
    this.paused = false;
  }

  pause() {
    this.paused = true;
  }

  says(event, change = {}) {
    Object.assign(this, change);
    this.dispatchEvent(new Event(event));
  }
}

function setUp(offset = 0) {
  const [leader, follower] = [new FakePlayable(), new FakePlayable()];
  return { leader, follower, end: follow(leader, follower, offset) };
}

test("starts, stops and changes speed with the picture", () => {
  const { leader, follower } = setUp();
  leader.says("play", { paused: false });
  assert.equal(follower.paused, false);
  leader.says("ratechange", { playbackRate: 1.5 });
  assert.equal(follower.playbackRate, 1.5);
  leader.says("pause", { paused: true });
  assert.equal(follower.paused, true);
});

test("jumps with it, and waits with it for data", () => {
  const { leader, follower } = setUp();
  leader.says("play", { paused: false });
  leader.says("seeking", { currentTime: 90, seeking: true, readyState: 1 });
  assert.deepEqual([follower.currentTime, follower.paused], [90, true]);
  leader.says("seeked", { seeking: false, readyState: 4 });
  assert.equal(follower.paused, false);
  leader.says("waiting", { readyState: 2 });
  assert.equal(follower.paused, true);
});

test("small differences are left alone, others are set right", () => {
  const { leader, follower } = setUp();
  leader.says("play", { paused: false });
  follower.currentTime = 10.05;
  leader.says("timeupdate", { currentTime: 10 });
  assert.equal(follower.currentTime, 10.05);
  leader.says("timeupdate", { currentTime: 11 });
  assert.equal(follower.currentTime, 11);
});

test("who came later is silent until then", () => {
  const { leader, follower } = setUp(30);
  leader.says("play", { paused: false });
  leader.says("timeupdate", { currentTime: 29 });
  assert.equal(follower.paused, true);
  leader.says("timeupdate", { currentTime: 31.5 });
  assert.deepEqual([follower.paused, follower.currentTime], [false, 1.5]);
});

test("ended, it is silent and follows no more", () => {
  const { leader, follower, end } = setUp();
  leader.says("play", { paused: false });
  end();
  assert.equal(follower.paused, true);
  leader.says("timeupdate", { currentTime: 5 });
  assert.deepEqual([follower.paused, follower.currentTime], [true, 0]);
});
