import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseSeen } from "../../../python/tertulia/web/static/view/arrangement.js";
import { Speakers } from "../../../python/tertulia/web/static/view/speakers.js";

test("who speaks does so now; who has stopped did when they stopped", () => {
  const speakers = new Speakers();
  assert.deepEqual([speakers.has("ana"), speakers.spokeAt("ana", 500)], [false, -Infinity]);
  speakers.set(["ana", "ben"], 1000);
  assert.deepEqual([speakers.has("ana"), speakers.spokeAt("ana", 9000)], [true, 9000]);
  speakers.set(["ben"], 9000);
  assert.deepEqual([speakers.has("ana"), speakers.spokeAt("ana", 9500)], [false, 9000]);
  speakers.set(["ana"], 10_000);
  assert.deepEqual(
    ["ana", "ben"].map((userId) => speakers.spokeAt(userId, 11_000)),
    [11_000, 10_000],
  );
});

test("who speaks without a pause keeps the tile", () => {
  const speakers = new Speakers();
  let seen = [];
  const seenAt = (now) => {
    const people = ["ana", "ben"].map((userId) => ({
      userId,
      isSelf: false,
      handRaised: false,
      hasCamera: userId === "ben",
      spokeAt: speakers.spokeAt(userId, now),
    }));
    seen = chooseSeen(people, seen, now, 1);
    return seen;
  };
  speakers.set(["ana"], 0);
  assert.deepEqual([seenAt(0), seenAt(60_000)], [["ana"], ["ana"]]);
  speakers.set([], 60_000);
  assert.deepEqual([seenAt(65_000), seenAt(67_000)], [["ana"], ["ben"]]);
});
