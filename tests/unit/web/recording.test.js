import assert from "node:assert/strict";
import { test } from "node:test";
import { Recording, TertuliaError } from "../../../python/tertulia/web/static/protocol.js";
import { FakeHub } from "./fake_hub.js";
import { settle } from "./settle.js";

function setUp() {
  const hub = new FakeHub();
  const recording = new Recording(hub);
  const log = [];
  recording.on("changed", ({ before, state }) => log.push(`${before} → ${state.is}`));
  return { hub, recording, log };
}

const on = (recordingId) => ({ isRecording: true, recordingId });
const off = { isRecording: false, recordingId: null };

test("the server says whether it is on; the same again is no change", () => {
  const { hub, recording, log } = setUp();
  for (const payload of [off, on("r1"), on("r1"), on("r2"), off]) hub.emit("RecordingChanged", payload);
  assert.deepEqual(log, ["off → on", "on → on", "on → off"]);
  hub.emit("joined", on("r3"));
  assert.deepEqual([recording.state, recording.isOn], [{ is: "on", recordingId: "r3" }, true]);
  hub.emit("joined", {});
  assert.deepEqual(recording.state, { is: "off" });
});

test("a click is no recording: starting ends with the server's word", async () => {
  const { hub, recording, log } = setUp();
  let answer;
  hub.answers.StartRecording = () => new Promise((resolve) => (answer = resolve));
  const started = recording.start("grid");
  await settle();
  assert.deepEqual([recording.state.is, recording.isOn], ["starting", false]);
  hub.emit("RecordingChanged", on("r1"));
  answer({ recordingId: "r1" });
  await started;
  assert.deepEqual(recording.state, { is: "on", recordingId: "r1" });
  assert.deepEqual(log, ["off → starting", "starting → on"]);
  assert.deepEqual(hub.called("StartRecording"), [{ event: "StartRecording", layout: "grid" }]);
});

test("the answer may come before the event", async () => {
  const { hub, recording, log } = setUp();
  hub.answers.StartRecording = () => ({ recordingId: "r1" });
  await recording.start();
  hub.emit("RecordingChanged", on("r1"));
  await recording.stop();
  hub.emit("RecordingChanged", off);
  assert.deepEqual(log, ["off → starting", "starting → on", "on → stopping", "stopping → off"]);
});

test("what is refused leaves everything as it was", async () => {
  const { hub, recording } = setUp();
  const refuse = () => {
    throw new TertuliaError("forbidden", "no");
  };
  hub.answers = { StartRecording: refuse, StopRecording: refuse };
  await assert.rejects(recording.start(), { code: "forbidden" });
  assert.deepEqual(recording.state, { is: "off" });
  hub.emit("RecordingChanged", on("r1"));
  await assert.rejects(recording.stop(), { code: "forbidden" });
  assert.deepEqual(recording.state, { is: "on", recordingId: "r1" });
});

test("somebody else was faster: a refusal does not undo what the server says", async () => {
  const { hub, recording } = setUp();
  hub.answers.StartRecording = () => {
    hub.emit("RecordingChanged", on("r1"));
    throw new TertuliaError("already_recording", "");
  };
  await assert.rejects(recording.start(), { code: "already_recording" });
  assert.deepEqual(recording.state, { is: "on", recordingId: "r1" });
  hub.answers.StopRecording = () => {
    hub.emit("RecordingChanged", off);
    throw new TertuliaError("no_session", "");
  };
  await assert.rejects(recording.stop(), { code: "no_session" });
  assert.deepEqual(recording.state, { is: "off" });
});

test("one call at a time", async () => {
  const { hub, recording } = setUp();
  await recording.stop();
  hub.answers.StartRecording = () => new Promise(() => {});
  void recording.start();
  await recording.start();
  await recording.stop();
  assert.deepEqual(
    hub.calls.map(({ event }) => event),
    ["StartRecording"],
  );
});

test("trouble is passed on", () => {
  const { hub, recording } = setUp();
  const heard = [];
  recording.on("trouble", (reason) => heard.push(reason));
  hub.emit("RecordingTrouble", { recordingId: "r1", reason: "disk_full" });
  assert.deepEqual(heard, ["disk_full"]);
});
