import assert from "node:assert/strict";
import { test } from "node:test";
import { Arrival } from "../../../python/tertulia/web/static/view/arrival.js";

/** What three reports in a row say of one from which nothing comes. */
function threeSilent(arrival) {
  return [false, false, false].map((hasCome) => {
    arrival.take(hasCome);
    return arrival.isMissing;
  });
}

test("a camera has stopped after three reports in a row without a packet, until one comes", () => {
  const arrival = new Arrival();
  arrival.expect(true);
  arrival.take(true);
  assert.deepEqual(threeSilent(arrival), [false, false, true]);
  arrival.take(true);
  assert.equal(arrival.isMissing, false);
  arrival.take(false);
  arrival.take(true);
  assert.deepEqual(threeSilent(arrival), [false, false, true]);
});

test("where nothing is expected nothing is missing, and what is expected again begins anew", () => {
  const arrival = new Arrival();
  assert.deepEqual(threeSilent(arrival), [false, false, false]);
  arrival.expect(true);
  threeSilent(arrival);
  arrival.expect(true);
  assert.equal(arrival.isMissing, true);
  arrival.expect(false);
  assert.equal(arrival.isMissing, false);
  arrival.expect(true);
  assert.deepEqual(threeSilent(arrival), [false, false, true]);
});
