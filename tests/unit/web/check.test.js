import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "../../../python/tertulia/web/static/media/check/bandwidth.js";
import { answerBy, serversFor } from "../../../python/tertulia/web/static/media/check/visitor.js";
import { rows, verdict } from "../../../python/tertulia/web/static/view/check/words.js";
import "./english.js";

const UDP = "a=candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host";
const TCP = "a=candidate:2 1 TCP 1677721855 192.0.2.1 7000 typ host tcptype passive";
const sdp = (...candidates) => ["v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", ...candidates, "a=end"].join("\r\n");

test("an answer has the candidates of one way only", () => {
  assert.equal(answerBy(sdp(UDP, TCP), "udp"), sdp(UDP));
  assert.equal(answerBy(sdp(UDP, TCP), "tcp"), sdp(TCP));
  assert.equal(answerBy(sdp(UDP, TCP), "relay"), sdp(UDP));
  assert.equal(answerBy(sdp(UDP), "tcp"), null);
});

test("only a relay is tried with a TURN server", () => {
  const stun = { urls: "stun:a" };
  const turn = { urls: ["turn:b?transport=udp", "turns:b"], username: "u", credential: "c" };
  assert.deepEqual(serversFor([stun, turn], "relay"), [turn]);
  assert.deepEqual(serversFor([stun, turn], "udp"), []);
  assert.deepEqual(serversFor([stun], "relay"), []);
});

const sample = (second, bytes, more = {}) => ({
  at: second * 1000,
  sent: bytes,
  received: bytes / 2,
  packetsSent: second * 100,
  packetsReceived: second * 90,
  lostUp: second,
  lostDown: second * 10,
  roundTrip: 42,
  ...more,
});

test("the best second counts, and what was lost meanwhile", () => {
  const found = judge([sample(0, 0), sample(1, 100_000), sample(2, 350_000), sample(3, 400_000)]);
  assert.deepEqual(found, { up: 2_000_000, down: 1_000_000, lossUp: 0.01, lossDown: 0.1, roundTrip: 42 });
  assert.deepEqual(judge([sample(0, 0), sample(0.5, 0, { packetsSent: 0 })]).up, 0);
});

const works = { is: "works", milliseconds: 80.4 };
const bandwidth = { up: 2_000_000, down: 2_000_000, lossUp: 0, lossDown: NaN, roundTrip: 20 };
const result = (ways, measured = bandwidth) => ({ server: 55, ways, bandwidth: measured });

test("what was found out is said line by line", () => {
  const found = rows(result({ udp: { is: "fails" }, tcp: works, relay: { is: "none" } }));
  assert.deepEqual(
    found.map(({ mark }) => mark),
    ["works", "fails", "works", "unknown", "works", "works", "works"],
  );
  assert.deepEqual(rows({ server: null, ways: {}, bandwidth: null }), []);
  assert.match(found[2].words, /80/);
});

test("what it means", () => {
  const all = { udp: works, tcp: works, relay: works };
  const first = (measured) => verdict(result(all, { ...bandwidth, ...measured }));
  assert.match(first({})[0], /high quality/);
  assert.match(first({ down: 1_000_000 })[0], /standard quality/);
  assert.match(first({ up: 300_000 })[0], /little video/);
  assert.match(first({ lossUp: 0.2 })[1], /is lost/);
  assert.equal(first({}).length, 1);
  assert.match(verdict(result({ ...all, udp: { is: "fails" } }))[1], /UDP/);
});

test("if nothing gets through, what to do depends on whether there is TURN", () => {
  const fails = { is: "fails" };
  const [noTurn, turn] = [{ is: "none" }, fails].map((relay) =>
    verdict(result({ udp: fails, tcp: fails, relay }, null)),
  );
  assert.match(noTurn.at(-1), /has no TURN server/);
  assert.match(turn.at(-1), /TURN server cannot be reached/);
});
