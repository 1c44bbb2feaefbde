import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import { Peer } from "../../../python/tertulia/web/static/media/peer.js";
import { UnreachableError } from "../../../python/tertulia/web/static/protocol.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";
import { FakePeerConnection, fakeBrowser, parse } from "./fake_peer_connection.js";
import { settle } from "./settle.js";

/** Two members whose messages reach each other as long as `network.up`. */
function pair({ anaSends = new Map(), benSends = new Map() } = {}) {
  const network = { up: true, delivers: true };
  const log = [];
  /** @type {Record<string, Peer>} */
  const peers = {};
  const changes = { ana: 0, ben: 0 };
  const sendTo = (to, receive) => async (content) => {
    log.push(`${receive} ${to}`);
    if (!network.up) throw new UnreachableError("away");
    if (network.delivers) peers[to][receive](content);
  };
  const make = (self, other, tracks) =>
    new Peer({
      userId: other,
      polite: self < other,
      iceServers: [],
      tracks,
      onChanged: () => changes[self]++,
      signal: {
        offer: sendTo(other, "receiveOffer"),
        answer: sendTo(other, "receiveAnswer"),
        candidate: sendTo(other, "receiveCandidate"),
      },
    });
  peers.ana = make("ana", "ben", anaSends);
  peers.ben = make("ben", "ana", benSends);
  const [anaPc, benPc] = FakePeerConnection.made;
  return { ...peers, anaPc, benPc, network, log, changes };
}

/** A pair that has agreed, Ana having offered. */
async function connected(options) {
  const two = pair(options);
  two.ana.open();
  await settle();
  for (const pc of [two.anaPc, two.benPc]) pc.ice("connected");
  two.log.length = 0;
  return two;
}

const sources = (peer) => peer.tracks().map(({ source }) => source);

let clock;

beforeEach(() => {
  clock = new FakeClock();
  fakeBrowser();
  mock.method(console, "warn", () => {});
});

describe("connecting", () => {
  test("one offers, the other answers, both send and receive", async () => {
    const voice = new FakeTrack("audio");
    const camera = new FakeTrack("video");
    const { ana, ben, anaPc, benPc, log, changes } = pair({
      anaSends: new Map([["microphone", voice]]),
      benSends: new Map([["camera", camera]]),
    });
    ana.open();
    await settle();
    assert.deepEqual(log, ["receiveOffer ben", "receiveAnswer ana"]);
    assert.deepEqual(
      [sources(ana), sources(ben)],
      [
        ["microphone", "camera"],
        ["microphone", "camera"],
      ],
    );
    const directions = parse(anaPc.localDescription.sdp).lines.map(({ kind, direction }) => `${kind} ${direction}`);
    assert.deepEqual(directions, ["audio sendrecv", "video sendrecv", "video recvonly", "audio recvonly"]);
    assert.deepEqual(changes, { ana: 1, ben: 1 });
    assert.equal(anaPc.getTransceivers()[0].sender.track, voice);
    assert.equal(benPc.getTransceivers()[1].sender.track, camera);
    assert.deepEqual(
      ana.tracks().map(({ key, userId }) => [key, userId]),
      [
        ["ben/0", "ben"],
        ["ben/1", "ben"],
      ],
    );
    assert.equal(console.warn.mock.callCount(), 0);
  });

  test("two offers at once: the polite one yields, and there is one connection of four m-lines", async () => {
    const { ana, ben, anaPc, benPc, log } = pair();
    ana.open();
    ben.open();
    await settle();
    assert.deepEqual(log.slice(0, 2).sort(), ["receiveOffer ana", "receiveOffer ben"]);
    assert.deepEqual([anaPc.signalingState, benPc.signalingState], ["stable", "stable"]);
    assert.deepEqual([anaPc.getTransceivers().length, benPc.getTransceivers().length], [4, 4]);
    assert.deepEqual(
      [sources(ana), sources(ben)],
      [
        ["microphone", "camera"],
        ["microphone", "camera"],
      ],
    );
  });

  test("candidates of an offer that was ignored are no news", async () => {
    const { ana, ben, anaPc, benPc, network } = pair();
    network.delivers = false;
    ana.open();
    ben.open();
    await settle();
    benPc.addIceCandidate = async () => {
      throw new DOMException("unknown ufrag", "OperationError");
    };
    ben.receiveOffer(anaPc.localDescription.sdp);
    ben.receiveCandidate("of the ignored offer");
    await settle();
    assert.deepEqual([benPc.signalingState, console.warn.mock.callCount()], ["have-local-offer", 0]);
    network.delivers = true;
    ana.receiveOffer(benPc.localDescription.sdp);
    await settle();
    ben.receiveOffer(anaPc.localDescription.sdp);
    ben.receiveCandidate("of an accepted offer");
    await settle();
    assert.equal(console.warn.mock.callCount(), 1);
  });

  test("bitrates are bounded from the start, on either side", async () => {
    const cameras = () => new Map([["camera", new FakeTrack("video", 180)]]);
    const { anaPc, benPc } = await connected({ anaSends: cameras(), benSends: cameras() });
    for (const pc of [anaPc, benPc]) {
      assert.equal(pc.getTransceivers()[1].sender.getParameters().encodings[0].maxBitrate, 250_000);
    }
  });

  test("a wish for an offer that comes too late is the browser's to repeat", async () => {
    const { ana, anaPc, network } = pair();
    network.delivers = false;
    ana.open();
    await settle();
    anaPc.onnegotiationneeded();
    await settle();
    assert.equal(anaPc.offers, 1);
  });

  test("the state is the browser's", async () => {
    const { ana, anaPc, changes } = await connected();
    assert.equal(ana.isConnected, true);
    const before = changes.ana;
    anaPc.ice("checking");
    assert.deepEqual([ana.isConnected, changes.ana], [false, before + 1]);
  });
});

describe("tracks", () => {
  test("a camera is exchanged without an offer", async () => {
    const { ana, anaPc, log } = await connected();
    const camera = new FakeTrack("video", 720);
    ana.setTrack("camera", camera);
    await settle();
    const { sender } = anaPc.getTransceivers()[1];
    assert.deepEqual([sender.track, log], [camera, []]);
    assert.equal(camera.contentHint, "motion");
    assert.equal(sender.getParameters().encodings[0].maxBitrate, 1_700_000);
  });

  test("a screen is offered, and taken back", async () => {
    const { ana, ben, log } = await connected();
    ana.setTrack("screen", new FakeTrack("video"));
    await settle();
    assert.deepEqual(
      [sources(ben), log],
      [
        ["microphone", "camera", "screen"],
        ["receiveOffer ben", "receiveAnswer ana"],
      ],
    );
    ana.setTrack("screen", null);
    await settle();
    assert.deepEqual(sources(ben), ["microphone", "camera"]);
  });

  test("a track that is set before the connection is there is sent from the start", async () => {
    const { ana, ben, anaPc } = pair();
    const camera = new FakeTrack("video");
    ana.setTrack("camera", camera);
    ben.open();
    await settle();
    assert.equal(anaPc.getTransceivers()[1].sender.track, camera);
  });

  test("media that comes or stops is a change", async () => {
    const { anaPc, changes } = await connected();
    const before = changes.ana;
    const { track } = anaPc.getTransceivers()[1].receiver;
    track.onunmute();
    track.onmute();
    assert.equal(changes.ana, before + 2);
  });
});

describe("after the signaling was away", () => {
  test("an offer that got lost on the way is sent again", async () => {
    const { ana, anaPc, network, log } = pair();
    network.delivers = false;
    ana.open();
    await settle();
    network.delivers = true;
    ana.resume();
    await settle();
    assert.deepEqual(log, ["receiveOffer ben", "receiveOffer ben", "receiveAnswer ana"]);
    assert.equal(anaPc.signalingState, "stable");
  });

  test("an answer that did not reach the hub is sent again, once, and the tracks are told", async () => {
    const { ana, ben, anaPc, benPc, network, log, changes } = pair();
    network.delivers = false;
    ana.open();
    await settle();
    network.up = false;
    ben.receiveOffer(anaPc.localDescription.sdp);
    await settle();
    assert.deepEqual([log.at(-1), anaPc.signalingState, changes.ben], ["receiveAnswer ana", "have-local-offer", 0]);
    network.up = network.delivers = true;
    ben.resume();
    await settle();
    assert.deepEqual([log.at(-1), anaPc.signalingState, changes.ben], ["receiveAnswer ana", "stable", 1]);
    assert.equal(benPc.restarts, 0);
    benPc.ice("connected");
    const { length } = log;
    ben.resume();
    await settle();
    assert.equal(log.length, length);
  });

  test("a path that is down is looked for again", async () => {
    const { ana, anaPc, log } = await connected();
    anaPc.connectionState = "connecting";
    ana.resume();
    await settle();
    assert.deepEqual([anaPc.restarts, log], [1, ["receiveOffer ben", "receiveAnswer ana"]]);
  });

  test("a connection that stands is left alone", async () => {
    const { ana, anaPc, log } = await connected();
    ana.resume();
    await settle();
    assert.deepEqual([anaPc.restarts, log], [0, []]);
  });
});

test("a face and a voice are of one stream, a screen and its sound of another, whoever offered", async () => {
  const { anaPc, benPc } = await connected();
  for (const pc of [anaPc, benPc]) {
    const [voice, face, screen, sound] = pc.getTransceivers().map(({ streams }) => streams[0].id);
    assert.deepEqual([voice, screen], [face, sound]);
    assert.notEqual(face, screen);
  }
});

for (const state of ["disconnected", "failed"]) {
  test(`ICE ${state}: another path is negotiated`, async () => {
    const { benPc, log } = await connected();
    benPc.ice(state);
    await settle();
    assert.deepEqual([benPc.restarts, log], [1, ["receiveOffer ana", "receiveAnswer ben"]]);
  });
}

test("an answer nobody waits for is ignored", async () => {
  const { ana, anaPc } = await connected();
  ana.receiveAnswer("v=0{}");
  await settle();
  assert.deepEqual([anaPc.signalingState, console.warn.mock.callCount()], ["stable", 0]);
});

test("candidates reach the other in order, and the end of them", async () => {
  const { anaPc, benPc } = await connected();
  for (const candidate of ["a", "b", null]) anaPc.find(candidate);
  await settle();
  assert.deepEqual(benPc.candidates, [{ candidate: "a" }, { candidate: "b" }, null]);
});

test("reports are about the other", async () => {
  const { ana, anaPc } = await connected();
  const [voice, camera, screen] = anaPc.getTransceivers();
  const inbound = ({ mid }, packetsReceived, audioLevel) => {
    return { id: mid, type: "inbound-rtp", mid, packetsReceived, audioLevel };
  };
  anaPc.stats = [inbound(voice, 0, 0.5)];
  const { levels, qualities } = await ana.report();
  assert.deepEqual([[...levels], [...qualities.keys()]], [[["ben", 0.5]], ["ben", ""]]);
  anaPc.stats = [inbound(camera, 0), inbound(screen, 0)];
  await ana.report();
  anaPc.stats = [inbound(camera, 0), inbound(screen, 9)];
  assert.deepEqual([...(await ana.report()).filming], []);
  anaPc.stats = [inbound(camera, 9), inbound(screen, 9)];
  assert.deepEqual([...(await ana.report()).filming], ["ben"]);
});

test("a voice of which packets are lost is repeated by an offer, and no longer once they have ceased", async () => {
  const { ana, anaPc, log } = await connected();
  const [voice] = anaPc.getTransceivers();
  const hear = async (fractionLost) => {
    const timestamp = performance.now();
    anaPc.stats = [{ id: "r", type: "remote-inbound-rtp", kind: "audio", timestamp, fractionLost, packetsLost: 0 }];
    await ana.report();
    await settle();
  };
  await hear(0);
  await clock.advance(2000);
  await hear(0.3);
  assert.deepEqual(
    [voice.preferences, log],
    [
      ["audio/red", "audio/opus"],
      ["receiveOffer ben", "receiveAnswer ana"],
    ],
  );
  await clock.advance(120_000);
  anaPc.connectionState = "disconnected";
  await hear(0);
  assert.equal(log.length, 2); // once there is a path again
  anaPc.connectionState = "connected";
  await hear(0);
  assert.deepEqual([voice.preferences, log.length], [["audio/opus", "audio/red"], 4]);
});

test("closing and fresh ICE servers reach the browser", async () => {
  const { ana, anaPc } = await connected();
  ana.setIceServers([{ urls: "turn:b" }]);
  assert.deepEqual(anaPc.configuration.iceServers, [{ urls: "turn:b" }]);
  ana.close();
  assert.equal(anaPc.signalingState, "closed");
});
