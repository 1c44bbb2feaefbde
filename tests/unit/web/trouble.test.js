import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter } from "../../../python/tertulia/web/static/protocol.js";
import { Trouble } from "../../../python/tertulia/web/static/view/trouble.js";
import { plain } from "../../../python/tertulia/web/static/words.js";
import "./english.js";

test("who comes back to a waiting room is told that they wait", () => {
  const meeting = Object.assign(new Emitter(), { hub: { state: "joined", isWaiting: false } });
  const said = [];
  const trouble = new Trouble(meeting, () => said.push(trouble.words));
  trouble.listen();
  meeting.hub.state = "reconnecting";
  meeting.emit("state", meeting.hub.state);
  meeting.hub.isWaiting = true;
  meeting.emit("waiting", null);
  Object.assign(meeting.hub, { state: "joined", isWaiting: false });
  meeting.emit("state", meeting.hub.state);
  assert.deepEqual(said, ["Connection lost. Reconnecting…", "Asking to be let in…", ""]);
});

test("that no media flows is said in one line, with its cause and help", () => {
  const roster = new Map([["ben", { displayName: "Ben" }]]);
  const meeting = Object.assign(new Emitter(), { hub: { state: "joined", isWaiting: false }, roster });
  const trouble = new Trouble(meeting, () => {});
  trouble.listen();
  const blockage = { tried: ["udp"], hasTurn: false, userIds: [] };
  meeting.emit("report", { blockage });
  assert.deepEqual([trouble.words, trouble.hasHelp], ["No sound or video gets through.", true]);
  assert.equal(trouble.cause, "Nothing gets through between you and the media server.");
  meeting.emit("report", { blockage: { ...blockage, tried: ["tcp"], userIds: ["ben"] } });
  assert.equal(trouble.words, "No sound or video for some people.");
  assert.equal(plain(trouble.cause), "Nothing gets through between you and Ben.");
  assert.deepEqual(trouble.blockage, { tried: ["udp", "tcp"], hasTurn: false, userIds: ["ben"] });
  meeting.hub.state = "reconnecting";
  assert.deepEqual([trouble.words, trouble.cause], ["Connection lost. Reconnecting…", ""]);
  meeting.hub.state = "joined";
  meeting.emit("report", { blockage: { ...blockage, userIds: ["ben", "eve", "joe", "zoe"] } });
  assert.deepEqual([trouble.words, trouble.cause], ["No sound or video for some people.", ""]);
  meeting.emit("media", "connected");
  assert.deepEqual([trouble.words, trouble.cause, trouble.hasHelp, trouble.blockage], ["", "", false, null]);
});
