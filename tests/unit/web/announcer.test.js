import assert from "node:assert/strict";
import { test } from "node:test";
import { Gathering } from "../../../python/tertulia/web/static/view/announcer.js";

test("who comes soon after another is announced together with them", () => {
  const gathering = new Gathering("joined");
  const told = ["Ana", "Ben", "Cleo", "Dora"].map((name, i) => gathering.add(name, i * 4000));
  assert.deepEqual(told, [
    "Ana joined",
    "Ana and Ben joined",
    "Cleo, Ben and one other joined",
    "Dora, Cleo and 2 others joined",
  ]);
});

test("who comes later is announced alone", () => {
  const gathering = new Gathering("left");
  gathering.add("Ana", 0);
  assert.equal(gathering.add("Ben", 5001), "Ben left");
});
