import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters, judge, withoutPath } from "../../../python/tertulia/web/static/media/quality.js";
import { backoff } from "../../../python/tertulia/web/static/protocol/backoff.js";

const flow = { received: 1000, lost: 0, jitter: 0.01, roundTrip: 0.05 };

test("a good connection has three bars, a worse one fewer", () => {
  assert.equal(judge(flow).bars, 3);
  assert.equal(judge({ ...flow, lost: 40 }).bars, 2);
  assert.equal(judge({ ...flow, lost: 200 }).bars, 1);
  assert.equal(judge({ ...flow, roundTrip: 0.5 }).bars, 2);
  assert.equal(judge({ ...flow, jitter: 0.2 }).bars, 1);
});

test("silence is not bad, but without a path nobody has bars", () => {
  const silence = judge({ ...flow, received: 0 });
  assert.equal(silence.bars, 3);
  const gone = { bars: 0, loss: 0, roundTrip: 50, jitter: 10 };
  assert.deepEqual([...withoutPath(new Map([["ana", silence]]))], [["ana", gone]]);
});

test("what is unknown counts as fine", () => {
  assert.equal(judge({ ...flow, roundTrip: NaN, jitter: NaN }).bars, 3);
});

test("duplicates, which count as negative loss, are no loss", () => {
  assert.equal(judge({ ...flow, lost: -5 }).loss, 0);
});

test("counters give their growth, and nothing after they began anew", () => {
  const counters = new Counters();
  assert.deepEqual(
    [5, 9, 2, 4].map((n) => counters.growth("a", n)),
    [0, 4, 0, 2],
  );
  assert.equal(counters.growth("b", undefined), 0);
});

test("pauses grow from an eighth of a second to three, with jitter", () => {
  assert.equal(
    backoff(0, () => 0),
    125,
  );
  assert.equal(
    backoff(0, () => 0.999),
    250,
  );
  assert.equal(
    backoff(3, () => 0.999),
    1999,
  );
  assert.equal(
    backoff(1000, () => 0.999),
    2999,
  );
});
