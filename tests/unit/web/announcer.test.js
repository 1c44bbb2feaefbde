import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter, Roster } from "../../../python/tertulia/web/static/protocol.js";
import { Announcer, Gathering } from "../../../python/tertulia/web/static/view/announcer.js";
import { plain } from "../../../python/tertulia/web/static/words.js";
import "./english.js";
import { fakeNotices } from "./fake_notices.js";

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

test("a hand is announced each time that it goes up, also of who has left and come back", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const hub = new Emitter();
  const notices = fakeNotices();
  const roster = new Roster(hub);
  roster.reset({ userId: "me" }, [{ userId: "ana", displayName: "Ana", handRaised: true }]);
  new Announcer(Object.assign(new Emitter(), { userId: "me", roster })).listen();
  const said = () => notices.said().filter((words) => words.includes("hand"));
  const raise = (raised, userId = "ana") => hub.emit("HandRaised", { userId, raised });
  raise(true); // it was up before we came
  raise(true, "me");
  assert.deepEqual(said(), []);
  raise(false);
  raise(true);
  assert.equal(said().length, 1);
  hub.emit("ParticipantLeft", { userId: "ana" });
  hub.emit("ParticipantJoined", { userId: "ana", displayName: "Ana" });
  raise(true);
  assert.equal(said().length, 2);
});
