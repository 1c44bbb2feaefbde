import assert from "node:assert/strict";
import { test } from "node:test";
import { Reporter } from "../../../python/tertulia/web/static/media/report.js";

const microphone = (userId) => ({ userId, source: "microphone" });

/** Reads two looks at the statistics, the second `grown` by what came meanwhile. */
async function read(first, grown, { connectionState = "connected", mediaOf = microphone } = {}) {
  const reporter = new Reporter();
  const pc = (stats) => ({ connectionState, getStats: async () => new Map(stats.map((s) => [s.id, s])) });
  await reporter.read(pc(first), mediaOf);
  return reporter.read(pc(grown), mediaOf);
}

const inbound = (mid, packetsReceived, packetsLost = 0, more = {}) => ({
  ...{ id: `in-${mid}`, type: "inbound-rtp", kind: "audio", mid, packetsReceived, packetsLost, jitter: 0.01 },
  ...more,
});
const outbound = (packetsSent) => ({ id: "out", type: "outbound-rtp", packetsSent });
const remote = (packetsLost, jitter = 0.01) => ({ id: "remote", type: "remote-inbound-rtp", packetsLost, jitter });
const path = (bytesReceived, responsesReceived = 0, currentRoundTripTime = 0.05) => ({
  ...{ id: "pair", type: "candidate-pair", nominated: true, bytesReceived, responsesReceived, currentRoundTripTime },
});

test("each person's quality is that of what came from them since the last look", async () => {
  const { qualities } = await read(
    [inbound("ana", 1000, 500), inbound("ben", 1000)],
    [inbound("ana", 1100, 500), inbound("ben", 1080, 20)],
  );
  assert.deepEqual([qualities.get("ana").bars, qualities.get("ben").bars], [3, 1]);
  assert.equal(qualities.get("ben").loss, 0.2);
});

test("losses of our sound are those of reports that have come since the last look", async () => {
  const heard = (timestamp, fractionLost, kind = "audio") => ({
    ...remote(0),
    id: kind,
    kind,
    timestamp,
    fractionLost,
  });
  const now = (...stats) => read([heard(1, 0.5), heard(1, 0.5, "video")], stats).then(({ soundLoss }) => soundLoss);
  assert.equal(await now(heard(2, 0.3)), 0.3);
  assert.equal(await now(heard(1, 0.5)), 0);
  assert.equal(await now(heard(2, 0), heard(2, 0.5, "video")), 0);
});

test("the two tracks of a person are added up", async () => {
  const { qualities } = await read([inbound("1", 0), inbound("2", 0)], [inbound("1", 90, 10), inbound("2", 100)], {
    mediaOf: () => microphone("ana"),
  });
  assert.equal(qualities.get("ana").loss, 0.05);
});

test("what a slot carried for someone before is not counted for the next one", async () => {
  const reporter = new Reporter();
  const look = (userId, received, lost) =>
    reporter.read(
      { connectionState: "connected", getStats: async () => new Map([["in", inbound("0", received, lost)]]) },
      () => microphone(userId),
    );
  await look("ana", 100, 0);
  await look("ana", 200, 0);
  const { qualities } = await look("ben", 300, 100);
  assert.equal(qualities.get("ben").loss, 0);
});

test("a slot without anyone in it is left out", async () => {
  const { qualities, levels } = await read([inbound("0", 0)], [inbound("0", 9, 0, { audioLevel: 1 })], {
    mediaOf: () => undefined,
  });
  assert.deepEqual([[...qualities.keys()], levels.size], [[""], 0]);
});

test("the level of a person is that of their loudest track", async () => {
  const tracks = [inbound("1", 0, 0, { audioLevel: 0.2 }), inbound("2", 0, 0, { audioLevel: 0.6 })];
  const { levels } = await read(tracks, tracks, { mediaOf: () => microphone("ana") });
  assert.deepEqual([...levels], [["ana", 0.6]]);
});

test("our own quality is what the other side says of our packets", async () => {
  const { qualities } = await read([outbound(0), remote(0)], [outbound(100), remote(10), path(1)]);
  assert.deepEqual(qualities.get(""), { bars: 1, loss: 0.1, roundTrip: 50, jitter: 10 });
});

test("without a connection nobody has any", async () => {
  const { qualities } = await read([inbound("ana", 0)], [inbound("ana", 100)], { connectionState: "failed" });
  assert.deepEqual([qualities.get("").bars, qualities.get("ana").bars], [0, 0]);
});

test("who films is known by what came from their camera since the last look, not by their screen or voice", async () => {
  const sources = { a: "camera", b: "camera", c: "screen", d: "microphone" };
  const mediaOf = (mid) => ({ userId: mid, source: sources[mid] });
  const stats = (packets) => Object.keys(sources).map((mid) => inbound(mid, mid === "b" ? 7 : packets));
  assert.deepEqual([...(await read(stats(10), stats(20), { mediaOf })).filming], ["a"]);
});

test("alive: bytes or STUN responses came in since the last look", async () => {
  assert.equal((await read([path(5, 5)], [path(5, 5)])).alive, false);
  assert.equal((await read([path(5, 5)], [path(6, 5)])).alive, true);
  assert.equal((await read([path(5, 5)], [path(5, 6)])).alive, true);
  assert.equal((await read([path(5)], [{ ...path(9), nominated: false }])).alive, false);
});
