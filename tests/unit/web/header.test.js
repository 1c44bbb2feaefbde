import assert from "node:assert/strict";
import { test } from "node:test";
import { duration } from "../../../python/tertulia/web/static/view/header.js";

test("a duration has hours only where there are some", () => {
  const [second, minute, hour] = [1000, 60_000, 3_600_000];
  const shown = [0, 59 * second, 4 * minute + 5.9 * second, hour, 26 * hour + 3 * minute].map(duration);
  assert.deepEqual(shown, ["0:00", "0:59", "4:05", "1:00:00", "26:03:00"]);
});
