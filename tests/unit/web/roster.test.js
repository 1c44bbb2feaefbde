import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter, Roster } from "../../../python/tertulia/web/static/protocol.js";

const person = (userId, more = {}) => ({
  userId,
  displayName: userId,
  role: "attendee",
  isMuted: false,
  isVideoOn: true,
  joinedAt: "",
  ...more,
});

function setUp() {
  const hub = new Emitter();
  const roster = new Roster(hub);
  const log = [];
  for (const name of ["joined", "left", "changed"]) roster.on(name, ({ userId }) => log.push(`${name} ${userId}`));
  return { hub, roster, log };
}

test("a list says who is there; who is missing from the next one has left", () => {
  const { roster, log } = setUp();
  roster.reset(person("me"), [person("a"), person("b")]);
  roster.reset(person("me"), [person("b"), person("c")]);
  assert.deepEqual(log, ["joined me", "joined a", "joined b", "left a", "joined c"]);
});

test("who is in the list and comes by ParticipantJoined too is one", () => {
  const { hub, roster, log } = setUp();
  roster.reset(person("me"), [person("a")]);
  hub.emit("ParticipantJoined", person("a"));
  assert.equal(roster.all.length, 2);
  assert.deepEqual(log, ["joined me", "joined a"]);
});

test("states change by events; the same again is no change", () => {
  const { hub, roster, log } = setUp();
  roster.reset(person("me"), [person("a")]);
  log.length = 0;
  hub.emit("StateChanged", { userId: "a", isMuted: true, isVideoOn: true });
  hub.emit("StateChanged", { userId: "a", isMuted: true, isVideoOn: true });
  hub.emit("StateChanged", { userId: "unknown", isMuted: true, isVideoOn: true });
  assert.deepEqual(log, ["changed a"]);
  assert.equal(roster.get("a").isMuted, true);
});

test("hands, lost and returned connections", () => {
  const { hub, roster } = setUp();
  roster.reset(person("me"), [person("a")]);
  hub.emit("HandRaised", { userId: "a", raised: true });
  hub.emit("ConnectionLost", { userId: "a" });
  assert.deepEqual([roster.get("a").handRaised, roster.get("a").isAway], [true, true]);
  hub.emit("ConnectionBack", { userId: "a" });
  assert.equal(roster.get("a").isAway, false);
});

test("another name", () => {
  const { hub, roster, log } = setUp();
  roster.reset(person("me"), [person("a")]);
  log.length = 0;
  hub.emit("DisplayNameChanged", { userId: "a", displayName: "Anna" });
  assert.deepEqual([log, roster.get("a").displayName], [["changed a"], "Anna"]);
});

test("who does not want to be recorded", () => {
  const { hub, roster } = setUp();
  roster.reset(person("me"), [person("a", { recordingOptOut: true }), person("b")]);
  assert.deepEqual(
    roster.all.map(({ recordingOptOut }) => recordingOptOut),
    [false, true, false],
  );
  hub.emit("RecordingOptOutChanged", { userId: "b", optOut: true });
  hub.emit("RecordingOptOutChanged", { userId: "a", optOut: false });
  assert.deepEqual([roster.get("a").recordingOptOut, roster.get("b").recordingOptOut], [false, true]);
});

test("who leaves twice left once", () => {
  const { hub, roster, log } = setUp();
  roster.reset(person("me"), [person("a")]);
  hub.emit("ParticipantLeft", { userId: "a", reason: "left" });
  hub.emit("ParticipantLeft", { userId: "a", reason: "timeout" });
  assert.deepEqual(log.slice(2), ["left a"]);
});
