import assert from "node:assert/strict";
import { test } from "node:test";
import { Gauge, pathTo } from "../../../python/tertulia/web/static/media/details.js";
import { reportOf, streamWords } from "../../../python/tertulia/web/static/view/dialogs/details.js";
import { plain } from "../../../python/tertulia/web/static/words.js";
import "./english.js";

const CODEC = { id: "codec", type: "codec", mimeType: "video/VP8" };
const NAMES = {
  remote: (mid) => ({ userId: mid === "empty" ? null : "ben", source: "camera" }),
  own: (mid) => (mid === "1" ? "screen" : undefined),
  userId: "",
};

/** Reads the statistics twice, a second apart: of the second time what `grown` says. */
async function read(first, grown, names = NAMES) {
  const gauge = new Gauge();
  const pc = (timestamp, stats) => ({
    getStats: async () => new Map([...stats, CODEC].map((s) => [s.id, { timestamp, ...s }])),
  });
  assert.deepEqual((await gauge.read(pc(1000, first), names)).streams, []);
  return gauge.read(pc(2000, grown), names);
}

const inbound = (bytesReceived, more = {}) => ({
  ...{ id: "in", type: "inbound-rtp", kind: "video", mid: "0", bytesReceived, codecId: "codec" },
  ...{ packetsReceived: bytesReceived / 100, packetsLost: 0, ...more },
});
const outbound = (bytesSent, more = {}) => ({
  ...{ id: "out", type: "outbound-rtp", kind: "video", mid: "1", bytesSent, codecId: "codec", remoteId: "remote" },
  ...more,
});

test("what comes from someone: picture, bits a second, loss, codec", async () => {
  const picture = { frameWidth: 640, frameHeight: 360, framesPerSecond: 29.7 };
  const { streams } = await read([inbound(0)], [inbound(90_000, { ...picture, packetsLost: 100 })]);
  const [stream] = streams;
  assert.deepEqual(stream, {
    ...{ userId: "ben", source: "camera", bitrate: 720_000, loss: 0.1, codec: "VP8" },
    picture: { width: 640, height: 360, rate: 30 },
  });
  assert.equal(plain(streamWords(stream)), "640 × 360, 30 fps · 720\u00a0kb/s · VP8 · 10% lost");
});

test("what we send, with the loss that the other side reports", async () => {
  const remote = { id: "remote", type: "remote-inbound-rtp", fractionLost: 0.25 };
  const { streams } = await read([outbound(0), remote], [outbound(1000), remote]);
  assert.deepEqual(streams, [{ userId: "", source: "screen", picture: null, bitrate: 8000, loss: 0.25, codec: "VP8" }]);
  assert.equal(plain(streamWords({ ...streams[0], loss: NaN, bitrate: 2_345_000 })), "2.3\u00a0Mb/s · VP8");
  const limit = { userId: "", source: "camera", height: 180, fewerFrames: true };
  const because = "because of your connection";
  const limited = (more) => plain(streamWords({ ...streams[0], loss: NaN, bitrate: 2_345_000 }, { ...limit, ...more }));
  assert.equal(limited({}), `2.3\u00a0Mb/s · VP8 · smaller ${because} · fewer frames ${because}`);
  assert.equal(limited({ height: null }), `2.3\u00a0Mb/s · VP8 · fewer frames ${because}`);
  assert.equal(limited({ fewerFrames: false }), `2.3\u00a0Mb/s · VP8 · smaller ${because}`);
});

test("nothing of what does not flow, has no name or is not sent", async () => {
  const still = [inbound(500), outbound(500), { ...inbound(1), id: "slot", mid: "empty" }];
  assert.deepEqual((await read(still, still)).streams, []);
  const unknown = (bytes) => [outbound(bytes, { mid: "9" }), outbound(bytes, { id: "off", active: false })];
  assert.deepEqual((await read(unknown(0), unknown(99))).streams, []);
});

test("how packets go: straight, or by a relay", async () => {
  const pair = (more) => ({
    ...{ id: "pair", type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "local" },
    ...{ currentRoundTripTime: 0.012, ...more },
  });
  const local = { id: "local", type: "local-candidate", candidateType: "host", protocol: "tcp" };
  const straight = await read([], [pair(), local]);
  assert.deepEqual(straight.paths, [{ userId: "", protocol: "tcp", isRelayed: false, roundTrip: 12 }]);
  const relay = { ...local, candidateType: "relay", protocol: "udp", relayProtocol: "tls" };
  const { paths } = await read([], [pair(), relay], { ...NAMES, userId: "ben" });
  assert.deepEqual(paths, [{ userId: "ben", protocol: "tls", isRelayed: true, roundTrip: 12 }]);
  assert.deepEqual((await read([], [pair({ nominated: false }), local])).paths, []);
});

test("where there is an SFU, everyone's media goes by the path to it", () => {
  const [server, ben] = ["", "ben"].map((userId) => ({ userId, protocol: "udp", isRelayed: false, roundTrip: 12 }));
  for (const userId of ["", "ana"]) assert.equal(pathTo([server], userId), server);
  assert.equal(pathTo([ben], "ben"), ben);
  assert.equal(pathTo([ben], ""), undefined);
});

test("the report says of each stream by which path it goes", () => {
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { userAgent: "a browser" } });
  Object.assign(globalThis, {
    document: { documentElement: { lang: "en" } },
    screen: { width: 1280, height: 720 },
    devicePixelRatio: 1,
  });
  const server = { userId: "", protocol: "tcp", isRelayed: true, roundTrip: 12 };
  const stream = { userId: "ben", source: "camera", picture: null, bitrate: 8000, loss: NaN, codec: "VP8" };
  const of = (topology, userId) => {
    const meeting = { topology, roomId: "room", userId: "me", hub: { state: "joined" }, roster: { all: [] } };
    return JSON.parse(reportOf({ streams: [stream], paths: [{ ...server, userId }], limits: [] }, meeting));
  };
  const path = { protocol: "tcp", isRelayed: true, roundTrip: 12 };
  assert.deepEqual(of("sfu", "").streams, [{ ...stream, loss: null, path: { ...path, to: "server" } }]);
  assert.deepEqual(of("p2p", "ben").streams[0].path, { ...path, to: "ben" });
  assert.equal(of("p2p", "ana").streams[0].path, null);
});
