import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Path } from "../../../python/tertulia/web/static/media/sfu/path.js";
import { FakeClock } from "./fake_clock.js";
import { FakePeerConnection, fakeBrowser } from "./fake_peer_connection.js";

/** @type {FakeClock} */
let clock;

function setUp() {
  const log = [];
  const pc = new FakePeerConnection();
  const path = new Path(pc, { onState: (state) => log.push(state), onRestart: () => log.push("restart") });
  return { path, pc, log };
}

beforeEach(() => {
  clock = new FakeClock();
  fakeBrowser();
});

test("is up as soon as ICE is, and told once", () => {
  const { path, pc, log } = setUp();
  pc.ice("checking");
  assert.equal(path.isUp, false);
  pc.ice("connected");
  pc.ice("completed");
  assert.deepEqual([path.isUp, log], [true, ["connected"]]);
});

for (const state of ["disconnected", "failed"]) {
  test(`ICE ${state}: another path is looked for at once`, () => {
    const { pc, log } = setUp();
    pc.ice("connected");
    pc.ice(state);
    assert.deepEqual(log, ["connected", "interrupted", "restart"]);
  });
}

test("a restart has three seconds; if there is no path by then, another follows", async () => {
  const { pc, log } = setUp();
  pc.ice("disconnected");
  pc.ice("failed");
  await clock.advance(2900);
  assert.deepEqual(log, ["interrupted", "restart"]);
  await clock.advance(200);
  assert.deepEqual(log, ["interrupted", "restart", "restart"]);
});

test("no second restart if the first one helped", async () => {
  const { pc, log } = setUp();
  pc.ice("disconnected");
  pc.ice("failed");
  pc.ice("connected");
  await clock.advance(10_000);
  assert.deepEqual(log, ["interrupted", "restart", "connected"]);
});

test("silence of five seconds is a dead path, whatever ICE says", async () => {
  const { path, pc, log } = setUp();
  pc.ice("connected");
  await clock.advance(4900);
  path.check(false);
  assert.deepEqual(log, ["connected"]);
  await clock.advance(200);
  path.check(false);
  assert.deepEqual(log, ["connected", "interrupted", "restart"]);
});

test("what is heard ends the silence", async () => {
  const { path, pc, log } = setUp();
  pc.ice("connected");
  await clock.advance(4900);
  path.check(true);
  await clock.advance(4900);
  path.check(false);
  assert.deepEqual(log, ["connected"]);
});

test("silence counts from when ICE was up", async () => {
  const { path, pc, log } = setUp();
  await clock.advance(6000);
  pc.ice("connected");
  path.check(false);
  assert.deepEqual(log, ["connected"]);
});

test("a path that was good after all recovers without ICE saying so, one that is down does not", async () => {
  const { path, pc, log } = setUp();
  pc.ice("connected");
  path.restart();
  path.check(true);
  assert.deepEqual(log, ["connected", "interrupted", "restart", "connected"]);
  pc.iceConnectionState = "checking";
  await clock.advance(5000);
  path.restart();
  path.recover();
  assert.deepEqual(log.slice(4), ["interrupted", "restart"]);
});

test("a closed path asks for nothing", async () => {
  const { path, pc, log } = setUp();
  path.restart();
  path.restart();
  path.close();
  pc.ice("failed");
  await clock.advance(10_000);
  assert.deepEqual(log, ["interrupted", "restart"]);
});
