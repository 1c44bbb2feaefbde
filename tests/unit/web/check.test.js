import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { judge } from "../../../python/tertulia/web/static/media/check/bandwidth.js";
import { check } from "../../../python/tertulia/web/static/media/check/check.js";
import { answerBy, serversFor } from "../../../python/tertulia/web/static/media/check/visitor.js";
import { rows, verdict } from "../../../python/tertulia/web/static/view/check/words.js";
import "./english.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";
import { answerTo, FakePeerConnection, fakeBrowser } from "./fake_peer_connection.js";
import { FakeSocket } from "./fake_socket.js";

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

const JOINED = { userId: "u1", role: "attendee", participants: [], resumeToken: "r1", keepAliveSeconds: 10 };
const TURN = { urls: "turn:b", username: "u", credential: "c" };

/** A server whose SFU answers by these candidates. */
function server(...candidates) {
  return async (socket, { event, id, payload }) => {
    socket.say({ replyTo: id, result: event === "JoinRoom" ? JOINED : {} });
    if (event === "JoinRoom") {
      socket.say({ event: "SfuEndpoint", payload: { ip: "192.0.2.1", port: 7000, transportId: "sfu_1" } });
    }
    if (event !== "SendOffer") return;
    const answer = (await answerTo(payload.sdp)).replace("v=0", ["v=0", ...candidates].join("\r\n"));
    socket.say({ event: "ReceiveAnswer", payload: { sourceUserId: "sfu_1", sdp: answer } });
  };
}

describe("a check of one's connection", () => {
  /** @type {FakeClock} */
  let clock;
  /** What ICE finds on a connection, whether it is by a relay. */
  let ice;

  beforeEach(() => {
    clock = new FakeClock();
    fakeBrowser();
    globalThis.WebSocket = FakeSocket;
    FakeSocket.reset(server(UDP, TCP));
    ice = () => "connected";
  });

  /** Runs a check, while ICE finds what the test says, and one second of media follows the other. */
  async function checked(iceServers = []) {
    const results = [];
    const room = { roomId: "room", tokens: ["one", "two"], wsUrl: "ws://test/ws", iceServers };
    const running = check(room, new FakeTrack("video"), (result) => results.push(structuredClone(result)));
    const ended = running.then(
      (result) => ({ result }),
      (error) => ({ error }),
    );
    for (let tick = 0; tick < 400; tick++) {
      await clock.advance(100);
      for (const pc of FakePeerConnection.made) flow(pc, tick);
    }
    return { ...(await ended), results };
  }

  function flow(pc, tick) {
    if (pc.connectionState === "new" && pc.currentRemoteDescription) pc.ice(ice(pc));
    if (pc.connectionState !== "connected") return;
    pc.stats = [
      { id: "o", type: "outbound-rtp", bytesSent: tick * 12_500, packetsSent: tick * 10 },
      { id: "r", type: "remote-inbound-rtp", packetsLost: 0 },
      { id: "p", type: "candidate-pair", nominated: true, currentRoundTripTime: 0.03 },
      { id: "i", type: "inbound-rtp", bytesReceived: tick * 6_250, packetsReceived: tick * 10, packetsLost: 0 },
    ];
  }

  test("finds out each way, then what the best one takes", async () => {
    const { result, results } = await checked([TURN]);
    assert.deepEqual(
      Object.entries(result.ways).map(([way, { is }]) => [way, is]),
      [
        ["udp", "works"],
        ["tcp", "works"],
        ["relay", "works"],
      ],
    );
    assert.deepEqual(result.bandwidth, { up: 1_000_000, down: 500_000, lossUp: 0, lossDown: 0, roundTrip: 30 });
    assert.equal(results.length, 5, "each thing is told when it is found out");
    const [straight, , relay, down, up] = FakePeerConnection.made.map(({ configuration }) => configuration);
    assert.deepEqual([straight.iceServers, straight.iceTransportPolicy], [[], "all"]);
    assert.deepEqual([relay.iceServers, relay.iceTransportPolicy], [[TURN], "relay"]);
    assert.deepEqual([down.iceServers, up.iceServers], [[], []], "straight is best");
    assert.ok(FakePeerConnection.made.every(({ signalingState }) => signalingState === "closed"));
    assert.deepEqual(
      FakeSocket.opened.map((socket) => socket.calls("LeaveRoom").length + (socket.closedWith ? 1 : 0) > 0),
      [true, true],
    );
  });

  test("a way that is blocked, and ways that the server does not have", async () => {
    FakeSocket.reset(server(UDP));
    ice = () => "failed";
    const { result } = await checked();
    assert.deepEqual(result.ways, { udp: { is: "fails" }, tcp: { is: "none" }, relay: { is: "none" } });
    assert.equal(result.bandwidth, null);
  });

  test("a way on which nothing is heard fails in the end", async () => {
    ice = ({ configuration }) => (configuration.iceTransportPolicy === "relay" ? "connected" : "checking");
    const { result } = await checked([TURN]);
    assert.deepEqual([result.ways.udp.is, result.ways.tcp.is, result.ways.relay.is], ["fails", "fails", "works"]);
    assert.ok(result.bandwidth.up > 0);
  });

  test("the SFU has its time from when we are in the room, however long that took", async () => {
    const usual = server(UDP);
    FakeSocket.reset((socket, call) => {
      if (call.event === "JoinRoom") setTimeout(() => void usual(socket, call), 6000);
      else void usual(socket, call);
    });
    const { result, error } = await checked();
    assert.equal(error, undefined);
    assert.ok(result.server >= 6000);
    assert.equal(result.ways.udp.is, "works");
  });

  test("an SFU that is not there ends it five seconds after we are in the room", async () => {
    FakeSocket.reset((socket, { event, id }) =>
      socket.say({ replyTo: id, result: event === "JoinRoom" ? JOINED : {} }),
    );
    assert.equal((await checked()).error.code, "unavailable");
  });

  test("an SFU that does not answer ends it, and nothing stays open", async () => {
    FakeSocket.reset((socket, call) => {
      if (call.event !== "SendOffer") void server(UDP)(socket, call);
      else socket.say({ replyTo: call.id, result: {} });
    });
    const { error } = await checked();
    assert.equal(error.code, "unavailable");
    assert.ok(FakePeerConnection.made.every(({ signalingState }) => signalingState === "closed"));
  });
});
