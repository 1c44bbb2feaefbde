import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { filmsOf } from "../../../python/tertulia/web/static/protocol/library.js";
import { Library, TertuliaError, UnreachableError } from "../../../python/tertulia/web/static/protocol.js";
import { FakeClock } from "./fake_clock.js";

/** @type {FakeClock} */
let clock;

beforeEach(() => {
  clock = new FakeClock();
});

const film = (id, more = {}) => ({ id, kind: "composite", status: "ready", createdAt: `at ${id}`, ...more });
const track = (id, recordingId) => ({ id, kind: "track", status: "ready", recordingId });
const making = (fraction) => film("a", { status: "processing", progress: { stage: "composing", fraction } });

/** A library whose server is the test: `server.answer` is what it lists, or how it fails. */
function setUp() {
  const server = { reads: 0, calls: [], answer: () => [] };
  const rest = {
    recordings: async () => {
      server.reads++;
      return server.answer();
    },
    deleteRecording: async (...args) => void server.calls.push(["delete", ...args]),
    compose: async (...args) => void server.calls.push(["compose", ...args]),
  };
  const library = new Library("room", async () => rest);
  const log = [];
  library.on("changed", (state) => log.push(state.is));
  return { server, library, log };
}

test("tracks are with their film; films of one recording share them and its date", () => {
  const films = filmsOf([film("c", { recordingId: "a" }), film("b"), film("a"), track("t1", "a"), track("t2", "b")]);
  assert.deepEqual(
    films.map(({ id, recordedAt, tracks }) => [id, recordedAt, tracks.map((t) => t.id)]),
    [
      ["c", "at a", ["t1"]],
      ["b", "at b", ["t2"]],
      ["a", "at a", ["t1"]],
    ],
  );
});

test("a film of a recording that was deleted stands for itself", () => {
  const [only] = filmsOf([film("c", { recordingId: "gone" })]);
  assert.deepEqual([only.recordedAt, only.tracks], ["at c", []]);
});

test("reads again while something is being made, more and more seldom, and at once faster when something moves", async () => {
  const { server, library } = setUp();
  const other = () => film("b", { url: `https://bucket/?signed=${server.reads}` });
  server.answer = () => [making(0), other()];
  await library.read();
  await clock.advance(60_000);
  const idle = server.reads;
  assert.ok(idle >= 6 && idle <= 12, String(idle));
  server.answer = () => [making(server.reads / 1000)];
  await clock.advance(60_000);
  assert.ok(server.reads - idle >= 15, String(server.reads - idle));
  server.answer = () => [film("a")];
  await clock.advance(30_000);
  const finished = server.reads;
  await clock.advance(600_000);
  assert.equal(server.reads, finished);
  library.close();
});

test("nothing to wait for: one reading", async () => {
  const { server, library, log } = setUp();
  assert.equal(library.state.is, "loading");
  await library.read();
  await clock.advance(600_000);
  assert.deepEqual([server.reads, log, library.films], [1, ["listed"], []]);
});

test("addresses are renewed a minute before they expire", async () => {
  const { server, library } = setUp();
  server.answer = () => [film("a", { expiresAt: new Date(Date.now() + 600_000).toISOString() })];
  await library.read();
  await clock.advance(530_000);
  assert.equal(server.reads, 1);
  await clock.advance(20_000);
  assert.equal(server.reads, 2);
  library.close();
});

test("an address that has expired long ago is not asked for without end", async () => {
  const { server, library } = setUp();
  server.answer = () => [film("a", { expiresAt: new Date(0).toISOString() })];
  await library.read();
  await clock.advance(60_000);
  assert.ok(server.reads <= 3, String(server.reads));
  library.close();
});

test("a server that is away is asked again, and what was known stays", async () => {
  const { server, library, log } = setUp();
  server.answer = () => [film("a")];
  await library.read();
  server.answer = () => {
    throw new UnreachableError("away");
  };
  await library.read();
  assert.deepEqual([library.state.is, library.films.map(({ id }) => id)], ["failed", ["a"]]);
  server.answer = () => [film("a"), film("b")];
  await clock.advance(10_000);
  assert.deepEqual([log, library.films.length], [["listed", "failed", "listed"], 2]);
});

test("a token that has expired is not tried again", async () => {
  const { server, library } = setUp();
  server.answer = () => {
    throw new TertuliaError("unauthorized", "", { status: 401 });
  };
  await library.read();
  await clock.advance(600_000);
  assert.deepEqual([server.reads, library.state.error.code], [1, "unauthorized"]);
});

test("what is deleted or composed shows in the next reading, which comes at once", async () => {
  const { server, library } = setUp();
  await library.read();
  await library.remove("a");
  await library.compose("b", "speaker");
  assert.equal(server.reads, 3);
  assert.deepEqual(server.calls, [
    ["delete", "room", "a"],
    ["compose", "room", "b", "speaker"],
  ]);
});

test("the answer to an older reading is passed over", async () => {
  const { server, library } = setUp();
  let slow;
  server.answer = () => new Promise((resolve) => (slow = resolve));
  const first = library.read();
  await clock.advance(0);
  server.answer = () => [film("new")];
  await library.read();
  slow([film("old")]);
  await first;
  assert.deepEqual(
    library.films.map(({ id }) => id),
    ["new"],
  );
});

test("closed, it tells nothing and reads no more", async () => {
  const { server, library, log } = setUp();
  server.answer = () => [making(0)];
  const reading = library.read();
  library.close();
  await reading;
  await clock.advance(60_000);
  assert.deepEqual([server.reads, log], [1, []]);
});
