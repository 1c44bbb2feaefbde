import assert from "node:assert/strict";
import { test } from "node:test";
import { Steady } from "../../../python/tertulia/web/static/view/steady.js";

test("what lasts for some seconds is believed, and so is its end", () => {
  const steady = new Steady();
  steady.set(true, 10_000);
  assert.deepEqual([steady.at(10_000), steady.at(13_900), steady.at(14_000)], [false, false, true]);
  steady.set(true, 15_000);
  assert.equal(steady.at(15_000), true);
  steady.set(false, 20_000);
  assert.deepEqual([steady.at(20_000), steady.at(23_900), steady.at(24_000)], [true, true, false]);
});

test("what passes is not", () => {
  const steady = new Steady();
  steady.set(true, 10_000);
  steady.set(false, 12_000);
  assert.equal(steady.at(15_900), false);
  steady.set(true, 15_900);
  assert.equal(steady.at(18_000), false);
  assert.equal(steady.at(19_900), true);
  steady.set(false, 20_000);
  steady.set(true, 21_000);
  assert.equal(steady.at(30_000), true);
});
