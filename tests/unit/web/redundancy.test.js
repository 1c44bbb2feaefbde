import assert from "node:assert/strict";
import { test } from "node:test";
import { Redundancy } from "../../../python/tertulia/web/static/media/sfu/redundancy.js";

test("a voice is repeated from three percent of losses on, until a minute after the last, or two", () => {
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
  for (const [loss, seconds, isRepeated] of course) {
    assert.equal(redundancy.isWorthIt(loss, seconds * 1000), isRepeated, `after ${seconds} s`);
  }
  const patient = new Redundancy(1);
  patient.isWorthIt(0.1, 0);
  assert.deepEqual([patient.isWorthIt(0, 119_000), patient.isWorthIt(0, 120_000)], [true, false]);
});
