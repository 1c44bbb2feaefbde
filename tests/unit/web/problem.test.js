import assert from "node:assert/strict";
import { test } from "node:test";
import { TertuliaError, UnreachableError } from "../../../python/tertulia/web/static/protocol.js";
import { explainCall, explainEntry } from "../../../python/tertulia/web/static/view/problem.js";
import "./english.js";

const DENIED = new TertuliaError("entry_denied", "");
const ENDED = new TertuliaError("entry_denied", "", { reason: "ended" });

test("who waited is told why it was in vain", () => {
  assert.equal(explainEntry(DENIED), "The host did not let you in.");
  assert.equal(explainEntry(ENDED), "The meeting ended before you were let in.");
  assert.match(explainEntry(new TertuliaError("already_joined", "")), /^You opened this meeting in another tab/);
});

test("only who was denied is taken for denied when they come back", () => {
  assert.deepEqual(
    [DENIED, ENDED, new TertuliaError("room_full", "")].map(({ isDenial }) => isDenial),
    [true, false, false],
  );
});

test("what is not known has its code in it, for whoever helps", () => {
  assert.match(explainCall(new TertuliaError("odd", "")), /odd/);
  assert.match(explainCall(new Error("a mistake of ours")), /internal/);
  assert.match(explainEntry(new UnreachableError("")), /^The server does not answer/);
});
