import assert from "node:assert/strict";
import { test } from "node:test";
import { Redundancy } from "../../../python/tertulia/web/static/media/sfu/redundancy.js";

test("a voice is repeated from three percent of losses on, until ten seconds after the last", () => {
  const redundancy = new Redundancy();
  /** @type {[number, number, boolean][]} loss, seconds, and what is to be */
  const course = [
    [0, 0, false],
    [0.02, 2, false],
    [0.03, 4, true],
    [0, 6, true],
    [0.3, 8, true],
    [0.02, 16, true],
    [0, 18, false],
    [0, 20, false],
    [0.1, 22, true],
  ];
  for (const [loss, seconds, isRepeated] of course) {
    assert.equal(redundancy.isWorthIt(loss, seconds * 1000), isRepeated, `after ${seconds} s`);
  }
});
