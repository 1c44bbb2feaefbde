import assert from "node:assert/strict";
import { test } from "node:test";
import { mishapOf, troublesOf } from "../../../python/tertulia/web/static/view/device_words.js";
import { say } from "../../../python/tertulia/web/static/words.js";
import "./english.js";

test("what has befallen both devices is one sentence", () => {
  const both = new Map([
    ["microphone", { is: "interrupted" }],
    ["camera", { is: "interrupted" }],
  ]);
  assert.equal(troublesOf(both), mishapOf("interrupted", "both"));
});

test("of other troubles each has a sentence", () => {
  const error = new DOMException("", "NotFoundError");
  const refused = new Map([
    ["microphone", { is: "refused", error }],
    ["camera", { is: "refused", error }],
  ]);
  assert.equal(troublesOf(refused), `${say("microphone.missing")} ${say("camera.missing")}`);
  refused.set("camera", { is: "lostInLobby" });
  assert.equal(troublesOf(refused), `${say("microphone.missing")} ${say("camera.lostInLobby")}`);
  refused.delete("microphone");
  assert.equal(troublesOf(refused), say("camera.lostInLobby"));
  assert.equal(troublesOf(new Map()), "");
});
