import assert from "node:assert/strict";
import { test } from "node:test";
import { Comings } from "../../../python/tertulia/web/static/view/comings.js";

test("who comes soon after another is told together with them", () => {
  const comings = new Comings("joined");
  const told = ["Ana", "Ben", "Cleo", "Dora"].map((name, i) => comings.tell(name, i * 4000));
  assert.deepEqual(told, [
    "Ana joined",
    "Ana and Ben joined",
    "Cleo, Ben and one other joined",
    "Dora, Cleo and 2 others joined",
  ]);
});

test("who comes later is told alone", () => {
  const comings = new Comings("left");
  comings.tell("Ana", 0);
  assert.equal(comings.tell("Ben", 5001), "Ben left");
});
