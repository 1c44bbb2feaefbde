import assert from "node:assert/strict";
import { test } from "node:test";
import { Control, Roster } from "../../../python/tertulia/web/static/protocol.js";
import { FakeHub } from "./fake_hub.js";

const OPEN = {
  waitingRoom: false,
  locked: false,
  muteOnEntry: false,
  unmute: "everyone",
  share: "everyone",
  chat: "everyone",
};
const person = (userId, more = {}) => ({ userId, displayName: userId, role: "attendee", isMuted: true, ...more });

function setUp(settings = {}) {
  const hub = new FakeHub();
  const roster = new Roster(hub);
  const control = new Control(hub, roster);
  roster.reset(person("host", { role: "host" }), [person("ann"), person("bob", { permissions: { chat: false } })]);
  control.reset({ settings: { ...OPEN, ...settings }, waiting: [{ userId: "kim", displayName: "Kim" }] });
  return { hub, roster, control };
}

test("what one may do: hosts everything, others by what was said of them, then by the settings", () => {
  const { hub, control } = setUp({ share: "host" });
  const may = (userId) => ["unmute", "video", "share", "chat"].filter((right) => control.may(userId, right));
  assert.deepEqual(may("host"), ["unmute", "video", "share", "chat"]);
  assert.deepEqual(may("ann"), ["unmute", "video", "chat"]);
  assert.deepEqual(may("bob"), ["unmute", "video"]);
  hub.emit("ParticipantChanged", { userId: "bob", role: "host", isSpotlit: false, permissions: {} });
  assert.deepEqual(may("bob"), ["unmute", "video", "share", "chat"]);
  hub.emit("SettingsChanged", { settings: { ...OPEN, unmute: "host" } });
  assert.deepEqual(may("ann"), ["video", "share", "chat"]);
});

test("what the settings allow anyway needs no word", async () => {
  const { hub, roster, control } = setUp({ unmute: "host" });
  await control.allow(roster.get("ann"), "unmute", true);
  await control.allow(roster.get("bob"), "chat", true);
  await control.allow(roster.get("bob"), "video", false);
  assert.deepEqual(
    hub.called("SetPermissions").map(({ targetUserId, permissions }) => [targetUserId, permissions]),
    [
      ["ann", { unmute: true }],
      ["bob", {}],
      ["bob", { chat: false, video: false }],
    ],
  );
});

test("who waits is kept up to date", () => {
  const { hub, control } = setUp();
  const told = [];
  control.on("waiting", (waiting) => told.push([...waiting.keys()]));
  hub.emit("ParticipantWaiting", { userId: "lee", displayName: "Lee" });
  hub.emit("WaitingEnded", { userId: "kim" });
  assert.deepEqual(told, [["kim", "lee"], ["lee"]]);
});

test("the calls of a host", async () => {
  const { hub, control } = setUp();
  await control.admit();
  await control.admit("kim");
  await control.deny("kim");
  await control.change({ locked: true });
  await control.setRole("ann", "host");
  await control.spotlight("ann", true);
  await control.lowerHand("ann");
  assert.deepEqual(
    hub.calls.map(({ event }) => event),
    ["Admit", "Admit", "Deny", "ChangeSettings", "SetRole", "Spotlight", "LowerHand"],
  );
});
