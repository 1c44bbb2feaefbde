import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Redundancy } from "../../../python/tertulia/web/static/media/redundancy.js";
import { FakePeerConnection, fakeBrowser } from "./fake_peer_connection.js";

beforeEach(fakeBrowser);

test("a voice is repeated from three percent of losses on, until a minute after the last, or two", () => {
  const voice = new FakePeerConnection({}).addTransceiver("audio", {});
  const isRepeated = () => voice.preferences?.[0] === "audio/red";
  const redundancy = new Redundancy(0);
  /** @type {[number, number, boolean][]} loss, seconds, and what is to be */
  const course = [
    [0, 0, false],
    [0.02, 2, false],
    [0.03, 4, true],
    [0, 6, true],
    [0.3, 8, true],
    [0.02, 66, true],
    [0, 68, false],
    [0, 70, false],
    [0.1, 72, true],
  ];
  for (const [loss, seconds, isToBe] of course) {
    const before = isRepeated();
    redundancy.take(loss, seconds * 1000);
    assert.equal(redundancy.apply(voice, seconds * 1000), isToBe !== before, `after ${seconds} s`);
    assert.equal(isRepeated(), isToBe, `after ${seconds} s`);
  }
  const patient = new Redundancy(1);
  patient.take(0.1, 0);
  assert.deepEqual(
    [0, 119_000, 120_000].map((now) => patient.apply(voice, now)),
    [true, false, true],
  );
});
