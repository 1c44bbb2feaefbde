import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import { SfuConnection } from "../../../python/tertulia/web/static/media/sfu/connection.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";
import { answerTo, FakePeerConnection, fakeBrowser, parse } from "./fake_peer_connection.js";
import { settle } from "./settle.js";

/** @type {FakeClock} */
let clock;

/** A connection to an SFU that takes offers and answers them only when the test does. */
function setUp({ tracks = new Map(), videoSlots = 2 } = {}) {
  const sent = [];
  const log = [];
  const sfu = { takes: true };
  const connection = new SfuConnection({
    iceServers: [{ urls: "stun:a" }],
    certificates: [],
    tracks,
    videoSlots,
    signal: {
      offer: async (offer) => {
        sent.push({ what: "offer", ...offer });
        if (sfu.takes instanceof Error) throw sfu.takes;
        return sfu.takes;
      },
      answer: async (sdp) => sent.push({ what: "answer", sdp }),
      candidate: async (candidate) => sent.push({ what: "candidate", candidate }),
    },
  });
  connection.on("state", (state) => log.push(state));
  for (const name of ["agreed", "dead"]) connection.on(name, () => log.push(name));
  const changes = { tracks: 0 };
  connection.on("tracks", () => changes.tracks++);
  const pc = FakePeerConnection.made.at(-1);
  const of = (what) => sent.filter((message) => message.what === what);
  return { connection, pc, sent, log, sfu, of, changes };
}

/** One whose first offer was answered, and whose path is up. */
async function connected(options) {
  const one = setUp(options);
  one.connection.open();
  await settle();
  one.connection.receiveAnswer(await answerTo(one.sent[0].sdp));
  await settle();
  one.pc.ice("connected");
  one.sent.length = one.log.length = 0;
  return one;
}

const sfuOffer = async () => {
  const sfu = new FakePeerConnection();
  sfu.addTransceiver("video", { direction: "sendonly", streams: [{ id: "ben/screen" }] });
  await sfu.setLocalDescription();
  return sfu.localDescription.sdp.replaceAll('"mid":"0"', '"mid":"90"');
};

beforeEach(() => {
  clock = new FakeClock();
  fakeBrowser();
  mock.method(console, "warn", () => {});
});

describe("the first offer", () => {
  test("has our microphone and camera, four audio slots and the video slots", async () => {
    const { connection, of } = setUp({ videoSlots: 3 });
    connection.open();
    await settle();
    const [{ sdp, tracks }] = of("offer");
    const lines = parse(sdp).lines.map(({ kind, direction }) => `${kind} ${direction}`);
    assert.deepEqual(lines.slice(0, 2), ["audio sendonly", "video sendonly"]);
    assert.deepEqual(lines.slice(2), [...Array(4).fill("audio recvonly"), ...Array(3).fill("video recvonly")]);
    assert.deepEqual(tracks, { 0: "microphone", 1: "camera" });
  });

  test("is made ahead of time and sent as it is", async () => {
    const { connection, pc, of } = setUp();
    connection.prepare(Promise.resolve([]));
    await settle();
    assert.deepEqual([pc.offers, of("offer").length], [1, 0]);
    connection.open();
    await settle();
    assert.deepEqual([pc.offers, of("offer").length], [1, 1]);
  });

  test("is made before the ICE servers are known, and gathers with them", async () => {
    const { connection, pc } = setUp();
    /** @type {(iceServers: RTCIceServer[]) => void} */
    let know = () => {};
    const made = mock.method(pc, "createOffer");
    connection.prepare(new Promise((resolve) => (know = resolve)));
    await settle();
    assert.deepEqual([made.mock.callCount(), pc.offers], [1, 0]);
    pc.configuration.iceTransportPolicy = "relay"; // as extensions do that hide addresses
    know([{ urls: "turn:b" }]);
    await settle();
    assert.deepEqual([made.mock.callCount(), pc.offers], [1, 1]);
    const { iceServers, iceTransportPolicy } = pc.configuration;
    assert.deepEqual([iceServers, iceTransportPolicy], [[{ urls: "turn:b" }], "relay"]);
  });

  test("is made again if the m-lines changed since", async () => {
    const { connection, of } = setUp({ videoSlots: 2 });
    connection.prepare(Promise.resolve([]));
    await settle();
    connection.setVideoSlots(5);
    connection.open();
    await settle();
    assert.equal(parse(of("offer")[0].sdp).lines.length, 2 + 4 + 5);
  });

  test("is sent once, however often the connection is opened", async () => {
    const { connection, of, log } = setUp();
    connection.open();
    connection.open();
    await settle();
    connection.open();
    await settle();
    assert.equal(of("offer").length, 1);
    assert.deepEqual(log, ["connecting"]);
  });

  test("candidates follow it, in order, once the SFU took it", async () => {
    const { connection, pc, sent } = setUp();
    pc.find("a");
    connection.open();
    pc.find("b");
    await settle();
    pc.find(null);
    assert.deepEqual(
      sent.map(({ what, candidate }) => (what === "offer" ? what : (candidate?.candidate ?? null))),
      ["offer", "a", "b", null],
    );
  });

  test("where there is no SFU yet, it is made again when there is one", async () => {
    const { connection, pc, sfu, of } = setUp();
    sfu.takes = false;
    pc.find("a");
    connection.open();
    await settle();
    await clock.advance(20_000);
    assert.deepEqual([of("offer").length, of("candidate").length], [1, 0]);
    sfu.takes = true;
    connection.open();
    await settle();
    assert.deepEqual([of("offer").length, of("candidate").length], [2, 1]);
  });

  test("that could not be sent is no offer: opening sends one", async () => {
    const { connection, sfu, of } = setUp();
    sfu.takes = new Error("away");
    connection.open();
    await settle();
    sfu.takes = true;
    connection.open();
    await settle();
    assert.equal(of("offer").length, 2);
    assert.equal(console.warn.mock.callCount(), 1);
  });
});

describe("an answer", () => {
  test("is accepted, and told", async () => {
    const { connection, pc, of, log, changes } = setUp();
    connection.open();
    await settle();
    connection.receiveAnswer(await answerTo(of("offer")[0].sdp));
    await settle();
    assert.deepEqual([pc.signalingState, pc.restarts], ["stable", 0]);
    assert.deepEqual([log, changes.tracks], [["connecting", "agreed"], 1]);
  });

  test("that nobody waits for is ignored", async () => {
    const { connection, pc, log } = await connected();
    connection.receiveAnswer("v=0");
    await settle();
    assert.deepEqual([pc.signalingState, log], ["stable", []]);
  });

  test("that does not come makes another offer; after three the connection is dead", async () => {
    const { connection, log, of } = await connected();
    connection.setVideoSlots(3);
    await clock.advance(4900);
    assert.equal(of("offer").length, 1);
    await clock.advance(200);
    assert.equal(of("offer").length, 2);
    await clock.advance(10_000);
    assert.deepEqual([of("offer").length, log], [3, ["dead"]]);
  });

  test("that does not come while the path is down restarts ICE", async () => {
    const { connection, pc, log } = setUp();
    connection.open();
    await clock.advance(5100);
    assert.deepEqual([pc.restarts, pc.offers], [1, 2]);
    assert.deepEqual(log, ["connecting", "interrupted"]);
  });

  test("ends the count of those that did not come", async () => {
    const { connection, of, log } = await connected();
    connection.setVideoSlots(3);
    await clock.advance(10_100);
    connection.receiveAnswer(await answerTo(of("offer").at(-1).sdp));
    await settle();
    connection.setVideoSlots(4);
    await clock.advance(10_100);
    assert.deepEqual(log, ["agreed"]);
  });
});

describe("changes", () => {
  test("while an offer is unanswered are all in the next one", async () => {
    const { connection, of } = await connected({ videoSlots: 2 });
    for (const count of [3, 4, 5]) connection.setVideoSlots(count);
    await settle();
    connection.setVideoSlots(6);
    connection.setVideoSlots(7);
    await settle();
    assert.equal(of("offer").length, 1);
    connection.receiveAnswer(await answerTo(of("offer")[0].sdp));
    await settle();
    assert.equal(of("offer").length, 2);
    assert.equal(parse(of("offer")[1].sdp).lines.length, 2 + 4 + 7);
  });

  test("a pool that is large enough needs no offer", async () => {
    const { connection, of } = await connected({ videoSlots: 3 });
    connection.setVideoSlots(2);
    await settle();
    assert.equal(of("offer").length, 0);
  });

  test("a microphone that comes or goes needs no offer, a screen does, and its end", async () => {
    const { connection, pc, of } = await connected();
    const voice = new FakeTrack("audio");
    connection.setTrack("microphone", voice);
    await settle();
    assert.equal(pc.getTransceivers()[0].sender.track, voice);
    connection.setTrack("microphone", null);
    await settle();
    assert.equal(of("offer").length, 0);
    connection.setTrack("screen", new FakeTrack("video"));
    await settle();
    assert.ok(Object.values(of("offer")[0].tracks).includes("screen"));
    connection.receiveAnswer(await answerTo(of("offer")[0].sdp));
    connection.setTrack("screen", null);
    await settle();
    assert.ok(!Object.values(of("offer")[1].tracks).includes("screen"));
  });

  test("a screen is sharp or smooth, as it says, and its sound good enough for music", async () => {
    const screen = new FakeTrack("video");
    const { connection, pc } = await connected({
      tracks: new Map([
        ["screen", screen],
        ["screen-audio", new FakeTrack("audio")],
      ]),
    });
    const sentBy = (track) => pc.getTransceivers().find(({ sender }) => sender.track === track)?.sender;
    const rate = () => sentBy(screen).getParameters().encodings[0].maxFramerate;
    assert.deepEqual([screen.contentHint, rate()], ["detail", 15]);
    screen.contentHint = "motion";
    connection.setTrack("screen", screen);
    await settle();
    assert.deepEqual([screen.contentHint, rate()], ["motion", 30]);
    const bitrates = pc
      .getTransceivers()
      .map(({ kind, sender }) => kind === "audio" && sender.getParameters().encodings[0].maxBitrate);
    assert.ok(bitrates.includes(96_000), bitrates.join());
  });

  test("a screen that replaces another one needs no offer", async () => {
    const { connection, of } = await connected({ tracks: new Map([["screen", new FakeTrack("video")]]) });
    connection.setTrack("screen", new FakeTrack("video"));
    await settle();
    assert.equal(of("offer").length, 0);
  });

  test("the camera's bitrate is bounded by its height", async () => {
    const { connection, pc } = await connected({ tracks: new Map([["camera", new FakeTrack("video", 180)]]) });
    const camera = pc.getTransceivers()[1].sender;
    assert.equal(camera.getParameters().encodings[2].maxBitrate, 250_000);
    connection.setTrack("camera", new FakeTrack("video", 720));
    await settle();
    const bitrates = camera.getParameters().encodings.map(({ maxBitrate }) => maxBitrate);
    assert.deepEqual(bitrates, [250_000, 700_000, 1_700_000]);
  });
});

describe("the layers of a camera", () => {
  /** The names of those that are sent. */
  const active = (pc) => {
    const { encodings } = pc.getTransceivers()[1].sender.getParameters();
    return encodings.flatMap(({ rid, active }) => (active ? rid : []));
  };

  for (const [height, rids] of [
    [720, ["q", "h", "f"]],
    [360, ["h", "f"]],
    [180, ["f"]],
  ]) {
    test(`a height of ${height} is worth ${rids.length}`, async () => {
      const { pc } = await connected({ tracks: new Map([["camera", new FakeTrack("video", height)]]) });
      assert.deepEqual(active(pc), rids);
    });
  }

  test("those that nobody watches are not sent, until somebody does", async () => {
    const { connection, pc } = await connected({ tracks: new Map([["camera", new FakeTrack("video", 720)]]) });
    const { mid } = pc.getTransceivers()[1];
    for (const rids of [["q"], [], ["q", "f"]]) {
      connection.setWantedLayers([{ mid, source: "camera", rids, wanted: rids.length > 0 }]);
      await settle();
      assert.deepEqual(active(pc), rids);
    }
    // Another camera changes nothing of it.
    connection.setTrack("camera", new FakeTrack("video", 720));
    await settle();
    assert.deepEqual(active(pc), ["q", "f"]);
  });

  test("each has three temporal layers, as a screen has", async () => {
    const { connection, pc } = await connected();
    connection.setTrack("screen", new FakeTrack("video", 720));
    await settle();
    const modes = (transceiver) =>
      transceiver.sender.getParameters().encodings.map(({ scalabilityMode }) => scalabilityMode);
    const [microphone, camera] = pc.getTransceivers();
    assert.deepEqual(modes(microphone), [undefined]);
    assert.deepEqual(modes(camera), ["L1T3", "L1T3", "L1T3"]);
    assert.deepEqual(modes(pc.getTransceivers().at(-1)), ["L1T3"]);
  });

  test("a browser that refuses temporal layers sends without them", async (t) => {
    const add = FakePeerConnection.prototype.addTransceiver;
    t.mock.method(FakePeerConnection.prototype, "addTransceiver", function (track, init) {
      if (init?.sendEncodings?.[0].scalabilityMode) throw new DOMException("unsupported", "OperationError");
      return add.call(this, track, init);
    });
    const { pc } = await connected({ tracks: new Map([["camera", new FakeTrack("video", 720)]]) });
    const { encodings } = pc.getTransceivers()[1].sender.getParameters();
    assert.deepEqual(
      encodings.map(({ rid, scalabilityMode }) => [rid, scalabilityMode]),
      [
        ["q", undefined],
        ["h", undefined],
        ["f", undefined],
      ],
    );
  });

  test("who wants one that is too small gets the next larger one", async () => {
    const { connection, pc } = await connected({ tracks: new Map([["camera", new FakeTrack("video", 360)]]) });
    const { mid } = pc.getTransceivers()[1];
    connection.setWantedLayers([{ mid, source: "camera", rids: ["q"], wanted: true }]);
    await settle();
    assert.deepEqual(active(pc), ["h"]);
  });

  test("one that is alone is whole, and sent while somebody watches it", async () => {
    const { connection, pc } = await connected({ tracks: new Map([["camera", new FakeTrack("video", 720)]]) });
    const { mid, sender } = pc.getTransceivers()[1];
    // The answer took no layers.
    sender.parameters.encodings.length = 1;
    for (const wanted of [true, false, true]) {
      connection.setWantedLayers([{ mid, source: "camera", rids: [], wanted }]);
      await settle();
      const [encoding] = sender.getParameters().encodings;
      assert.deepEqual([encoding.scaleResolutionDownBy, encoding.active, encoding.maxBitrate], [1, wanted, 1_700_000]);
    }
  });

  test("a screen that nobody watches is not sent, until somebody does", async () => {
    const { connection, pc, of } = await connected();
    connection.setTrack("screen", new FakeTrack("video", 720));
    await settle();
    connection.receiveAnswer(await answerTo(of("offer")[0].sdp));
    await settle();
    const { mid, sender } = pc.getTransceivers().at(-1);
    for (const wanted of [false, true]) {
      connection.setWantedLayers([{ mid, source: "screen", rids: [], wanted }]);
      await settle();
      assert.equal(sender.getParameters().encodings[0].active, wanted);
    }
  });
});

describe("an offer of the SFU", () => {
  test("is answered, and its track is one of ours", async () => {
    const { connection, pc, of, changes } = await connected();
    const before = changes.tracks;
    connection.receiveOffer(await sfuOffer());
    await settle();
    assert.deepEqual([of("answer").map(({ sdp }) => sdp), changes.tracks], [[pc.localDescription.sdp], before + 1]);
    const offered = connection.tracks().filter(({ userId }) => userId === "ben");
    assert.deepEqual(
      offered.map(({ source }) => source),
      ["screen"],
    );
  });

  test("that collides with ours comes first; ours is made again", async () => {
    const { connection, sent, pc, log } = await connected();
    connection.setVideoSlots(4);
    await settle();
    connection.receiveOffer(await sfuOffer());
    await settle();
    assert.deepEqual(
      sent.map(({ what }) => what),
      ["offer", "answer", "offer"],
    );
    connection.receiveAnswer(await answerTo(sent[2].sdp));
    await settle();
    assert.deepEqual([pc.signalingState, log], ["stable", ["agreed"]]);
    assert.equal(console.warn.mock.callCount(), 0);
  });
});

describe("errors of the SFU", () => {
  test("an offer that it refused counts as unanswered at once", async () => {
    const { connection, of } = await connected();
    connection.setVideoSlots(3);
    await settle();
    connection.receiveError("invalid_sdp");
    await settle();
    assert.equal(of("offer").length, 2);
  });

  test("a connection that it does not know any more is dead", async () => {
    const { connection, log } = await connected();
    connection.receiveError("not_found");
    assert.deepEqual(log, ["dead"]);
  });

  test("unless it is just being introduced: the offer makes it known", async () => {
    const { connection, log } = setUp();
    connection.receiveError("not_found");
    connection.open();
    await settle();
    connection.receiveError("not_found");
    assert.deepEqual(log, ["connecting"]);
  });
});

describe("after the signaling was away", () => {
  test("nothing is said if nothing was missed", async () => {
    const { connection, sent } = await connected();
    connection.resume(false);
    await settle();
    assert.deepEqual(sent, []);
  });

  test("an offer has the SFU say everything again if something was", async () => {
    const { connection, of } = await connected();
    connection.resume(true);
    await settle();
    assert.equal(of("offer").length, 1);
  });

  test("an offer that got lost is made again", async () => {
    const { connection, sfu, of } = await connected();
    sfu.takes = new Error("away");
    connection.setVideoSlots(3);
    await settle();
    sfu.takes = true;
    connection.resume(false);
    await settle();
    assert.equal(of("offer").length, 2);
  });

  test("a path that is down is looked for again", async () => {
    const { connection, pc } = await connected();
    pc.iceConnectionState = "checking";
    connection.resume(false);
    await settle();
    assert.equal(pc.restarts, 1);
  });

  test("a connection that the SFU never heard of waits to be opened", async () => {
    const { connection, sent, log } = setUp();
    connection.resume(true);
    await settle();
    assert.deepEqual([sent, log], [[], []]);
  });
});

describe("a voice of which packets are lost", () => {
  /** A connection in a browser that the test changes. */
  async function lossy(change = () => {}) {
    const one = await connected();
    const [voice] = one.pc.getTransceivers();
    change(voice, one.sfu);
    const hear = async (fractionLost) => {
      const timestamp = performance.now();
      one.pc.stats = [
        { id: "r", type: "remote-inbound-rtp", kind: "audio", timestamp, fractionLost, packetsLost: 0 },
        { id: "p", type: "candidate-pair", nominated: true, bytesReceived: timestamp, responsesReceived: 0 },
      ];
      await one.connection.report();
      await settle();
    };
    await hear(0);
    await clock.advance(2000);
    await hear(0.3);
    return { ...one, voice, hear };
  }

  test("is repeated by an offer, and no longer once they have ceased", async () => {
    const { connection, voice, of, hear } = await lossy();
    assert.deepEqual([voice.preferences, of("offer").length], [["audio/red", "audio/opus"], 1]);
    connection.receiveAnswer(await answerTo(of("offer")[0].sdp));
    await settle();
    await clock.advance(55_000);
    await hear(0);
    assert.equal(of("offer").length, 1);
    await clock.advance(65_000);
    await hear(0);
    assert.deepEqual([voice.preferences, of("offer").length], [["audio/opus", "audio/red"], 2]);
  });

  test("costs no second offer where the first did not get through", async () => {
    const { voice, of, hear } = await lossy((_, sfu) => {
      sfu.takes = false;
    });
    await clock.advance(120_000);
    await hear(0);
    assert.deepEqual([voice.preferences, of("offer").length], [["audio/red", "audio/opus"], 1]);
  });

  test("stays as it is where the SFU or the browser cannot repeat it", async () => {
    const without = await lossy((voice) => voice.sender.parameters.codecs.pop());
    assert.deepEqual([without.voice.preferences, without.of("offer")], [undefined, []]);
    const refusing = await lossy((voice) => {
      voice.setCodecPreferences = () => {
        throw new DOMException("", "InvalidModificationError");
      };
    });
    assert.deepEqual(refusing.of("offer"), []);
  });
});

describe("reports", () => {
  const path = (bytesReceived) => ({ id: "p", type: "candidate-pair", nominated: true, bytesReceived });

  test("silence restarts ICE, and is over when something comes", async () => {
    const { connection, pc, log } = await connected();
    pc.stats = [path(100)];
    await connection.report();
    await clock.advance(5100);
    await connection.report();
    await settle();
    assert.deepEqual([pc.restarts, log], [1, ["interrupted"]]);
    const bars = async () => [...(await connection.report()).qualities.values()].map(({ bars }) => bars);
    assert.deepEqual(await bars(), [0]);
    pc.stats = [path(200)];
    assert.deepEqual(await bars(), [3]);
    assert.deepEqual(log, ["interrupted", "connected"]);
  });

  test("silence before the first offer is no trouble", async () => {
    const { connection, log } = setUp();
    await clock.advance(10_000);
    await connection.report();
    connection.open();
    await connection.report();
    assert.deepEqual(log, ["connecting"]);
  });

  test("a path that does not come about is told of after ten seconds", async () => {
    const { connection } = setUp();
    await clock.advance(20_000);
    connection.open();
    await clock.advance(9_900);
    assert.equal((await connection.report()).blockage, null);
    await clock.advance(200);
    const blockage = { tried: [], hasTurn: false, userIds: [], cause: "unanswered" };
    assert.deepEqual((await connection.report()).blockage, blockage);
  });

  test("a path that was there is told of ten seconds after it is lost", async () => {
    const { connection, pc } = await connected();
    await clock.advance(60_000);
    assert.equal((await connection.report()).blockage, null);
    pc.ice("failed");
    await clock.advance(9_900);
    assert.equal((await connection.report()).blockage, null);
    await clock.advance(200);
    assert.notEqual((await connection.report()).blockage, null);
  });

  test("silence after it is, also while the hub does not answer", async () => {
    const { connection, sfu, log } = setUp();
    sfu.takes = new Promise(() => {});
    connection.open();
    await clock.advance(5100);
    await connection.report();
    assert.deepEqual(log, ["connecting", "interrupted"]);
  });

  test("the answer to a restart of a path that was good after all ends the interruption", async () => {
    const { connection, pc, log, of } = await connected();
    await clock.advance(5100);
    await connection.report();
    await settle();
    connection.receiveAnswer(await answerTo(of("offer")[0].sdp));
    await settle();
    assert.deepEqual([pc.restarts, log], [1, ["interrupted", "agreed", "connected"]]);
  });
});

test("candidates of the SFU: a line, or the browser's object", async () => {
  const { connection, pc } = await connected();
  connection.receiveCandidate("candidate:1");
  connection.receiveCandidate({ candidate: "candidate:2", sdpMid: "0" });
  await settle();
  assert.deepEqual(pc.candidates, [
    { candidate: "candidate:1", sdpMLineIndex: 0 },
    { candidate: "candidate:2", sdpMid: "0" },
  ]);
});

test("a closed connection is silent, whatever was under way", async () => {
  const { connection, pc, sent, log } = await connected();
  connection.setVideoSlots(3);
  await settle();
  pc.ice("disconnected");
  pc.ice("failed");
  sent.length = log.length = 0;
  connection.close();
  pc.find("late");
  connection.setVideoSlots(5);
  connection.open();
  await clock.advance(30_000);
  assert.deepEqual([pc.signalingState, sent, log], ["closed", [], []]);
});

test("an assignment of the slots changes the tracks", async () => {
  const { connection, changes } = await connected();
  const before = changes.tracks;
  connection.assign([{ mid: "6", userId: "ana", source: "camera", kind: "video" }]);
  assert.equal(changes.tracks, before + 1);
  assert.ok(connection.tracks().some(({ userId }) => userId === "ana"));
});

test("fresh ICE servers are for the next path", async () => {
  const { connection, pc } = await connected();
  connection.setIceServers([{ urls: "turn:b" }]);
  assert.deepEqual(pc.configuration, {
    iceServers: [{ urls: "turn:b" }],
    certificates: [],
    bundlePolicy: "max-bundle",
  });
});
