import assert from "node:assert/strict";
import { test } from "node:test";
import { Gathering } from "../../../python/tertulia/web/static/view/announcer.js";
import { plain } from "../../../python/tertulia/web/static/words.js";
import "./english.js";

const JOINED = { one: "joined.one", two: "joined.two", more: "joined.more" };
const LEFT = { one: "left.one", two: "left.two", more: "left.more" };

test("who comes soon after another is announced together with them", () => {
  const gathering = new Gathering(JOINED);
  const told = ["Ana", "Ben", "Cleo", "Dora"].map((name, i) => plain(gathering.add(name, i * 4000)));
  assert.deepEqual(told, [
    "Ana joined",
    "Ana and Ben joined",
    "Cleo, Ben and one other joined",
    "Dora, Cleo and 2 others joined",
  ]);
});

test("who comes later is announced alone", () => {
  const gathering = new Gathering(LEFT);
  gathering.add("Ana", 0);
  assert.equal(plain(gathering.add("Ben", 5001)), "Ben left");
});
