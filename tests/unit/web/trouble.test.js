import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter } from "../../../python/tertulia/web/static/protocol.js";
import { Trouble } from "../../../python/tertulia/web/static/view/trouble.js";
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
