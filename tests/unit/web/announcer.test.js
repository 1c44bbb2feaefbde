import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter, Roster } from "../../../python/tertulia/web/static/protocol.js";
import { Announcer, Gathering } from "../../../python/tertulia/web/static/view/announcer.js";
import { plain } from "../../../python/tertulia/web/static/words.js";
import "./english.js";
import { fakeNotices } from "./fake_notices.js";

const JOINED = { one: "joined.one", two: "joined.two", more: "joined.more" };
const LEFT = { one: "left.one", two: "left.two", more: "left.more" };

const people = (...userIds) => userIds.map((userId) => ({ userId, displayName: userId }));

/** A meeting with others. What is said is gone, and the next thing said, once time has passed. */
function setUp(t, others) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const hub = new Emitter();
  const notices = fakeNotices();
  const roster = new Roster(hub);
  roster.reset({ userId: "me" }, others);
  const meeting = Object.assign(new Emitter(), { userId: "me", roster });
  const ends = new Announcer(meeting).listen();
  t.after(() => {
    for (const end of ends) end();
  });
  return {
    hub,
    said: () =>
      notices
        .said()
        .map(plain)
        .filter((words) => !/(joined|left)$/.test(words)),
    raise: (raised, userId = "ana") => hub.emit("HandRaised", { userId, raised }),
    react: (userId, emoji) => meeting.emit("reaction", { userId, emoji }),
    pass: () => t.mock.timers.tick(5000),
  };
}

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

test("a hand is announced each time that it goes up, also of who has left and come back", (t) => {
  const { hub, said, raise, pass } = setUp(t, [{ userId: "ana", displayName: "Ana", handRaised: true }]);
  raise(true); // it was up before we came
  raise(true, "me");
  assert.deepEqual(said(), []);
  raise(false);
  raise(true);
  assert.deepEqual(said(), ["Ana raised a hand"]);
  pass();
  hub.emit("ParticipantLeft", { userId: "ana" });
  hub.emit("ParticipantJoined", { userId: "ana", displayName: "Ana" });
  raise(true);
  assert.deepEqual(said(), ["Ana raised a hand"]);
});

test("hands that go up soon after the first are announced together, but those that went down again", (t) => {
  const { said, raise, pass } = setUp(t, people("ana", "ben", "cleo", "dora", "eva"));
  raise(true);
  for (const userId of ["ben", "cleo", "ben"]) raise(true, userId);
  assert.deepEqual(said(), ["ana raised a hand"]);
  pass();
  assert.deepEqual(said(), ["ben and cleo raised a hand"]);
  for (const userId of ["ana", "ben", "cleo"]) raise(false, userId);
  for (const userId of ["ana", "ben", "cleo", "dora", "eva"]) raise(true, userId);
  raise(false, "eva");
  pass();
  assert.deepEqual(said(), ["ana, ben and 2 others raised a hand"]);
  raise(false, "dora");
  raise(true, "dora");
  raise(false, "dora");
  pass();
  assert.deepEqual(said(), []);
});

test("reactions are read out: the first at once, those that follow in one sentence", (t) => {
  const { said, react, pass } = setUp(t, people("ana", "ben"));
  react("me", "🎉");
  assert.deepEqual(said(), []);
  react("ana", "👏");
  assert.deepEqual(said(), ["ana reacted: 👏"]);
  for (let i = 0; i < 20; i++) react(i % 2 ? "ana" : "ben", i % 3 ? "👏" : "🎉");
  assert.deepEqual(said(), ["ana reacted: 👏"]);
  pass();
  assert.deepEqual(said(), ["20 reactions: 🎉 👏"]);
  react("gone", "👍");
  pass();
  assert.deepEqual(said(), ["Someone reacted: 👍"]);
});
