import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import { SfuLink } from "../../../python/tertulia/web/static/media/sfu/link.js";
import { TertuliaError } from "../../../python/tertulia/web/static/protocol.js";
import { FakeClock } from "./fake_clock.js";
import { FakeHub } from "./fake_hub.js";
import { FakeTrack } from "./fake_media.js";
import { answerTo, FakePeerConnection, fakeBrowser, parse } from "./fake_peer_connection.js";
import { failOnThrowingListeners } from "./listeners.js";
import { settle } from "./settle.js";

const CAMERA = new FakeTrack("video");
const ANA = [{ userId: "ana", source: "camera", maxHeight: 360 }];
const BEN = [{ userId: "ben", source: "camera", maxHeight: 360 }];

function setUp() {
  const hub = new FakeHub();
  const link = new SfuLink({
    hub,
    roster: null,
    userId: "",
    iceServers: [{ urls: "stun:a" }, { urls: ["turn:a"] }],
    tracks: new Map([["camera", CAMERA]]),
  });
  const log = [];
  link.on("state", (state) => log.push(state));
  const changes = { tracks: 0 };
  link.on("tracks", () => changes.tracks++);
  return { hub, link, log, changes, pc: () => FakePeerConnection.made.at(-1) };
}

/** The SFU answers the latest offer, and ICE finds a path. */
async function answer({ hub, pc }, sourceUserId = "sfu_1") {
  await settle();
  hub.emit("ReceiveAnswer", { sourceUserId, sdp: await answerTo(hub.called("SendOffer").at(-1).sdp) });
  await settle();
  pc().ice("connected");
}

async function connected() {
  const one = setUp();
  one.hub.emit("asked", null);
  one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
  await answer(one);
  one.log.length = 0;
  return one;
}

beforeEach(() => {
  new FakeClock();
  fakeBrowser();
  mock.method(console, "warn", () => {});
});
failOnThrowingListeners();

describe("joining", () => {
  test("the first offer follows JoinRoom at once, and was made before", async () => {
    const { hub, pc } = setUp();
    await settle();
    assert.deepEqual([pc().offers, hub.calls.length], [1, 0]);
    hub.emit("asked", null);
    await settle();
    const [{ targetUserId, slots, tracks }] = hub.called("SendOffer");
    assert.deepEqual([targetUserId, slots, tracks], ["sfu", true, { 0: "microphone", 1: "camera" }]);
    assert.equal(pc().offers, 1);
  });

  test("the endpoint's name is used from when it is known; no second offer", async () => {
    const { hub, pc } = setUp();
    hub.emit("asked", null);
    hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    await settle();
    assert.equal(hub.called("SendOffer").length, 1);
    pc().find("c");
    assert.equal(hub.called("SendIceCandidate")[0].targetUserId, "sfu_1");
  });

  for (const code of ["unknown_target", "not_joined", "unreachable"]) {
    test(`an early offer that found no SFU (${code}) is made again when there is one`, async () => {
      const { hub } = setUp();
      hub.answers.SendOffer = ({ targetUserId }) => {
        if (targetUserId === "sfu") throw new TertuliaError(code, "no SFU");
      };
      hub.emit("asked", null);
      await settle();
      hub.emit("SfuEndpoint", { transportId: "sfu_1" });
      await settle();
      assert.deepEqual(
        hub.called("SendOffer").map(({ targetUserId }) => targetUserId),
        ["sfu", "sfu_1"],
      );
      assert.equal(console.warn.mock.callCount(), 0);
    });
  }

  test("where there is no SFU, that is said after a while, until there is one", async () => {
    const clock = new FakeClock();
    const one = setUp();
    one.hub.answers.SendOffer = () => {
      throw new TertuliaError("unknown_target", "no SFU");
    };
    one.hub.emit("asked", null);
    await settle();
    const said = async () => (await one.link.report()).blockage?.cause;
    assert.equal(await said(), undefined);
    await clock.advance(11_000);
    assert.equal(await said(), "unanswered");
    delete one.hub.answers.SendOffer;
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    assert.equal(await said(), undefined);
    await answer(one);
    assert.equal(await said(), undefined);
  });

  test("an SFU that does not answer is told from a network that lets nothing through", async () => {
    const clock = new FakeClock();
    const one = setUp();
    one.hub.emit("asked", null);
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    await settle();
    await clock.advance(11_000);
    const said = async () => (await one.link.report()).blockage;
    assert.equal((await said()).cause, "unanswered");
    one.hub.emit("ReceiveAnswer", {
      sourceUserId: "sfu_1",
      sdp: await answerTo(one.hub.called("SendOffer").at(-1).sdp),
    });
    await settle();
    assert.equal((await said()).cause, undefined);
  });

  test("agreed once the first answer is accepted", async () => {
    const one = setUp();
    let agreed = false;
    void one.link.agreed.then(() => (agreed = true));
    one.hub.emit("asked", null);
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    await settle();
    assert.equal(agreed, false);
    await answer(one);
    assert.deepEqual([agreed, one.log], [true, ["connecting", "connected"]]);
  });
});

/** The media of Ana comes by the first video slot of a connection. */
async function anaComesBy(one, pc, transportId) {
  const slot = pc.getTransceivers().find((t) => t.kind === "video" && t.direction === "recvonly");
  one.hub.emit("Slots", { transportId, slots: [{ mid: slot.mid, kind: "video", userId: "ana", source: "camera" }] });
  slot.receiver.packetAt = 1;
  await settle();
  return slot;
}

const shown = ({ link }) =>
  link
    .tracks()
    .filter(({ userId }) => userId === "ana")
    .map(({ track }) => track);

/** The room moves to another SFU, and the new connection has a path. */
async function moved() {
  const clock = new FakeClock();
  const one = await connected();
  const [old] = FakePeerConnection.made;
  const slot = await anaComesBy(one, old, "sfu_1");
  one.hub.emit("SfuEndpoint", { transportId: "sfu_2" });
  await answer(one, "sfu_2");
  return { ...one, clock, old, slot, next: FakePeerConnection.made[1] };
}

describe("from one SFU to another", () => {
  test("the old connection is shown until the new one carries the same media", async () => {
    const one = await moved();
    await one.clock.advance(500);
    assert.deepEqual(shown(one), [one.slot.receiver.track]);
    const now = await anaComesBy(one, one.next, "sfu_2");
    const before = one.changes.tracks;
    await one.clock.advance(100);
    assert.deepEqual([shown(one), one.changes.tracks], [[now.receiver.track], before + 1]);
    assert.notEqual(one.old.signalingState, "closed");
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed", reason: "moved" });
    assert.equal(one.old.signalingState, "closed");
    assert.deepEqual([shown(one), FakePeerConnection.made.length], [[now.receiver.track], 2]);
  });

  test("what the old one hears still counts for it, and it is sent what changes", async () => {
    const one = await moved();
    one.hub.emit("Slots", { transportId: "sfu_1", slots: [] });
    assert.deepEqual(shown(one), []);
    const camera = new FakeTrack("video");
    one.link.setTrack("camera", camera);
    for (const pc of [one.old, one.next]) {
      assert.ok(pc.getTransceivers().some(({ sender }) => sender.track === camera));
    }
  });

  test("somebody who has stopped sending is not waited for", async () => {
    const one = await moved();
    await one.clock.advance(2600);
    assert.deepEqual(shown(one), []);
    assert.notEqual(one.old.signalingState, "closed");
  });

  test("a server that never lets go is left", async () => {
    const one = await moved();
    await one.clock.advance(15_100);
    assert.equal(one.old.signalingState, "closed");
  });

  test("if the old SFU is dead, the new one is shown at once, and said to be connecting", async () => {
    const one = await connected();
    await anaComesBy(one, one.pc(), "sfu_1");
    one.hub.emit("SfuEndpoint", { transportId: "sfu_2" });
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed", reason: "moved" });
    await settle();
    assert.deepEqual([shown(one), one.log], [[], ["connecting"]]);
    assert.equal(FakePeerConnection.made[0].signalingState, "closed");
  });

  test("a link that is closed meanwhile closes both", async () => {
    const one = await moved();
    one.link.close();
    assert.deepEqual([one.old.signalingState, one.next.signalingState], ["closed", "closed"]);
  });
});

describe("media that stops", () => {
  test("is told to the hub after half a second, and again, but not for ever", async () => {
    const clock = new FakeClock();
    const one = await connected();
    const slot = await anaComesBy(one, one.pc(), "sfu_1");
    await clock.advance(400);
    slot.receiver.packetAt = 2;
    await clock.advance(500);
    assert.equal(one.hub.called("MediaStopped").length, 0);
    await clock.advance(200);
    assert.deepEqual(
      one.hub.called("MediaStopped").map(({ transportId }) => transportId),
      ["sfu_1"],
    );
    await clock.advance(60_000);
    assert.equal(one.hub.called("MediaStopped").length, 5);
  });

  test("where there was none, none is missed", async () => {
    const clock = new FakeClock();
    const one = await connected();
    await clock.advance(5000);
    assert.equal(one.hub.called("MediaStopped").length, 0);
  });
});

describe("another SFU, or a lost connection", () => {
  test("the same endpoint again changes nothing", async () => {
    const { hub } = await connected();
    hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    await settle();
    assert.deepEqual([FakePeerConnection.made.length, hub.called("SendOffer").length], [1, 1]);
  });

  test("another endpoint gets a new connection with the same tracks", async () => {
    const one = await connected();
    const screen = new FakeTrack("video");
    one.link.setTrack("screen", screen);
    await answer(one);
    assert.ok(Object.values(one.hub.called("SendOffer").at(-1).tracks).includes("screen"));
    one.hub.emit("SfuEndpoint", { transportId: "sfu_2" });
    await settle();
    const { targetUserId, tracks } = one.hub.called("SendOffer").at(-1);
    assert.deepEqual([targetUserId, Object.values(tracks)], ["sfu_2", ["microphone", "camera", "screen"]]);
    assert.deepEqual(
      FakePeerConnection.made[1].getTransceivers().flatMap(({ sender }) => sender.track ?? []),
      [CAMERA, screen],
    );
  });

  test("what the old one still says is not heard", async () => {
    const one = await connected();
    one.hub.emit("SfuEndpoint", { transportId: "sfu_2" });
    await settle();
    one.hub.emit("ReceiveAnswer", { sourceUserId: "sfu_1", sdp: "v=0{}" });
    one.hub.emit("IceCandidate", { sourceUserId: "sfu_1", candidate: "old" });
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed" });
    one.hub.emit("SfuError", { transportId: "sfu_1", code: "not_found", message: "" });
    await settle();
    assert.deepEqual([FakePeerConnection.made.length, one.pc().signalingState], [2, "have-local-offer"]);
    await answer(one, "sfu_2");
    assert.equal(one.pc().signalingState, "stable");
  });

  for (const [why, event] of [
    ["the transport is closed", ["TransportState", { transportId: "sfu_1", state: "closed" }]],
    ["the SFU does not know it", ["SfuError", { transportId: "sfu_1", code: "not_found", message: "" }]],
  ]) {
    test(`${why}: a new connection under the same name`, async () => {
      const one = await connected();
      one.hub.emit(...event);
      await answer(one);
      assert.equal(FakePeerConnection.made.length, 2);
      assert.equal(one.hub.called("SendOffer").at(-1).targetUserId, "sfu_1");
      assert.deepEqual(one.log, ["connecting", "connected"]);
    });
  }

  test("lost while the hub is away, it begins anew when the hub is back", async () => {
    const one = await connected();
    one.hub.state = "reconnecting";
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed" });
    await settle();
    assert.equal(one.hub.called("SendOffer").length, 1);
    one.hub.state = "joined";
    one.hub.emit("joined", {});
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    await settle();
    assert.equal(one.hub.called("SendOffer").length, 2);
  });

  /** The SFU answers, ICE connects, and then DTLS fails. */
  async function fail(one, reason = "dtls") {
    await answer(one);
    one.hub.emit("SfuError", { transportId: "sfu_1", code: "dtls", message: "" });
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed", reason });
    await settle();
  }

  test("where DTLS fails it is tried again at once, and then less and less often", async () => {
    const clock = new FakeClock();
    const one = setUp();
    one.hub.emit("asked", null);
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    const waits = [];
    for (let failure = 1; failure <= 7; failure++) {
      const before = one.hub.called("SendOffer").length;
      await fail(one);
      let waited = 0;
      for (; one.hub.called("SendOffer").length === before; waited += 500) await clock.advance(500);
      waits.push(waited);
    }
    assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  });

  test("a connection that the SFU may still have is followed by one with another certificate", async () => {
    const one = await connected();
    await fail(one);
    await answer(one);
    one.hub.emit("SfuError", { transportId: "sfu_1", code: "not_found", message: "" });
    await settle();
    const certificates = FakePeerConnection.made.map(({ configuration }) => configuration.certificates.length);
    assert.deepEqual(certificates, [0, 1, 0]);
  });

  test("connections that the SFU has closed are followed by one certificate, by which it knows who failed", async () => {
    const one = await connected();
    for (let failure = 0; failure < 2; failure++) await fail(one);
    const [first, second, third] = FakePeerConnection.made.map(({ configuration }) => configuration.certificates);
    assert.deepEqual([first, second], [[], [{ algorithm: { name: "ECDSA", namedCurve: "P-256" } }]]);
    assert.equal(second[0], third[0]);
    one.link.setIceServers([]);
    assert.equal(one.pc().configuration.certificates[0], third[0]);
  });

  test("where there is no certificate to be had, browsers make their own", async () => {
    mock.method(FakePeerConnection, "generateCertificate", () => Promise.reject(new DOMException("no")));
    const one = await connected();
    await fail(one);
    assert.deepEqual(one.pc().configuration.certificates, []);
    assert.equal(one.hub.called("SendOffer").length, 2);
  });

  for (const reason of [undefined, "ice_timeout", "fault"]) {
    test(`closed for another reason (${reason}), it is tried again at once each time`, async () => {
      const one = setUp();
      one.hub.emit("asked", null);
      one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
      for (let failure = 1; failure <= 4; failure++) {
        await settle();
        one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed", reason });
        await settle();
        assert.equal(one.hub.called("SendOffer").length, failure + 1);
      }
    });
  }

  test("what the matter was is still said while the next connection is tried, until ICE connects", async () => {
    const clock = new FakeClock();
    const one = setUp();
    const said = async () => (await one.link.report()).blockage;
    one.hub.emit("asked", null);
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    await settle();
    assert.equal(await said(), null);
    await clock.advance(11_000);
    const blockage = await said();
    assert.deepEqual(blockage.userIds, []);
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed", reason: "ice_timeout" });
    await settle();
    assert.deepEqual(await said(), blockage);
    await answer(one);
    assert.equal(await said(), null);
  });

  test("what is the matter is said after three failures, until there is a connection", async () => {
    const clock = new FakeClock();
    const one = setUp();
    one.hub.emit("asked", null);
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    const said = async () => (await one.link.report()).blockage?.cause === "encryption";
    for (const expected of [false, false, true]) {
      await fail(one, "certificate");
      assert.equal(await said(), expected);
      await clock.advance(2000);
    }
    await answer(one);
    assert.equal(await said(), true, "ICE alone is no connection");
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "connected" });
    assert.equal(await said(), false);
    const before = one.hub.called("SendOffer").length;
    await fail(one);
    assert.equal(one.hub.called("SendOffer").length, before + 1, "at once again");
  });

  test("another SFU is tried at once, and a link that is closed tries no more", async () => {
    const clock = new FakeClock();
    const one = setUp();
    one.hub.emit("asked", null);
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    for (let failure = 0; failure < 4; failure++) {
      await fail(one);
      await clock.advance(4000);
    }
    await fail(one);
    const before = one.hub.called("SendOffer").length;
    one.hub.emit("SfuEndpoint", { transportId: "sfu_2" });
    await settle();
    assert.equal(one.hub.called("SendOffer").length, before + 1);
    one.hub.emit("TransportState", { transportId: "sfu_2", state: "closed", reason: "dtls" });
    one.hub.emit("TransportState", { transportId: "sfu_2", state: "closed", reason: "dtls" });
    const offers = one.hub.called("SendOffer").length;
    one.link.close();
    await clock.advance(30_000);
    assert.equal(one.hub.called("SendOffer").length, offers);
  });

  test("a state that is not closed is no reason", async () => {
    const { hub } = await connected();
    hub.emit("TransportState", { transportId: "sfu_1", state: "connected" });
    assert.equal(FakePeerConnection.made.length, 1);
  });

  test("a return to the seat that missed something asks the SFU to say it again", async () => {
    const { hub } = await connected();
    hub.emit("joined", { missed: true });
    await settle();
    assert.equal(hub.called("SendOffer").length, 2);
  });
});

describe("the view", () => {
  test("is sent once media flows, and once only", async () => {
    const one = setUp();
    one.link.setView(ANA);
    one.hub.emit("asked", null);
    one.hub.emit("SfuEndpoint", { transportId: "sfu_1" });
    await settle();
    assert.equal(one.hub.called("SetView").length, 0);
    await answer(one);
    one.link.setView([...ANA]);
    assert.deepEqual(one.hub.called("SetView"), [{ event: "SetView", videos: ANA }]);
  });

  test("each other one is sent, and the pool grows with it", async () => {
    const { link, hub, pc } = await connected();
    link.setView(ANA);
    pc().ice("disconnected");
    pc().ice("connected");
    assert.equal(hub.called("SetView").length, 1);
    link.setView(Array.from({ length: 9 }, (_, i) => ({ userId: `u${i}`, source: "camera" })));
    await settle();
    hub.emit("ReceiveAnswer", { sourceUserId: "sfu_1", sdp: await answerTo(hub.called("SendOffer").at(-1).sdp) });
    await settle();
    assert.equal(hub.called("SetView").length, 2);
    const videos = parse(hub.called("SendOffer").at(-1).sdp).lines.filter(
      ({ kind, direction }) => kind === "video" && direction === "recvonly",
    );
    assert.equal(videos.length, 9 + 2);
  });

  test("is sent again after a return, and to a new connection", async () => {
    const one = await connected();
    one.link.setView(ANA);
    one.hub.emit("joined", {});
    assert.equal(one.hub.called("SetView").length, 2);
    one.hub.emit("SfuEndpoint", { transportId: "sfu_2" });
    await answer(one, "sfu_2");
    assert.equal(one.hub.called("SetView").length, 3);
  });

  test("that could not be sent is sent with the next occasion", async () => {
    const { link, hub } = await connected();
    hub.answers.SetView = () => {
      throw new TertuliaError("rate_limited", "");
    };
    link.setView(ANA);
    await settle();
    link.setView(ANA);
    assert.equal(hub.called("SetView").length, 2);
  });

  test("waits while the hub is away", async () => {
    const { link, hub } = await connected();
    hub.state = "reconnecting";
    link.setView(BEN);
    assert.equal(hub.called("SetView").length, 0);
    hub.state = "joined";
    hub.emit("joined", {});
    assert.deepEqual(hub.called("SetView"), [{ event: "SetView", videos: BEN }]);
  });
});

test("slots, candidates, offers and speakers of the hub arrive", async () => {
  const { link, hub, pc, changes } = await connected();
  const before = changes.tracks;
  const speakers = [];
  link.on("speakers", (userIds) => speakers.push(userIds));
  hub.emit("Slots", { slots: [{ mid: "6", userId: "ana", source: "camera", kind: "video" }] });
  assert.equal(changes.tracks, before + 1);
  hub.emit("IceCandidate", { sourceUserId: "sfu_1", candidate: "c" });
  hub.emit("ActiveSpeakers", { userIds: ["ana"] });
  hub.emit("ReceiveOffer", { sourceUserId: "sfu_1", sdp: 'v=0{"lines":[]}' });
  await settle();
  assert.deepEqual(
    link
      .tracks()
      .filter(({ kind }) => kind === "video")
      .map(({ userId }) => userId),
    ["ana"],
  );
  assert.equal(pc().candidates.length, 1);
  assert.deepEqual(speakers, [["ana"]]);
  assert.equal(hub.called("SendAnswer")[0].targetUserId, "sfu_1");
});

test("an SFU that refuses an offer is logged, and so is a hub that does", async () => {
  const { link, hub } = await connected();
  hub.emit("SfuError", { transportId: "sfu_1", code: "overloaded", message: "" });
  assert.equal(console.warn.mock.callCount(), 1);
  hub.answers.SendOffer = () => {
    throw new TertuliaError("unknown_target", "it moved");
  };
  link.setTrack("screen", new FakeTrack("video"));
  await settle();
  assert.equal(console.warn.mock.callCount(), 2);
});

test("what says nothing of the offer under way is logged, and that offer is still answered", async () => {
  const { link, hub } = await connected();
  link.setTrack("screen", new FakeTrack("video"));
  await settle();
  hub.emit("SfuError", { transportId: "sfu_1", code: "no_common_codec", message: "" });
  hub.emit("SfuError", { transportId: "sfu_1", code: "declined", message: "" });
  hub.emit("SfuError", { transportId: "sfu_1", code: "unreachable", message: "" });
  assert.equal(console.warn.mock.callCount(), 3);
  const offers = hub.called("SendOffer").length;
  link.setTrack("screen", null);
  await settle();
  assert.equal(hub.called("SendOffer").length, offers, "one at a time: the one before is not given up");
});

test("fresh ICE servers reach the connection there is and the next one, as far as they relay", async () => {
  const { link, hub } = await connected();
  const servers = () =>
    FakePeerConnection.made.map(({ configuration }) => configuration.iceServers.flatMap(({ urls }) => urls));
  assert.deepEqual(servers(), [["turn:a"]]);
  link.setIceServers([{ urls: "stun:b" }, { urls: "turn:b" }]);
  hub.emit("SfuEndpoint", { transportId: "sfu_2" });
  assert.deepEqual(servers(), [["turn:b"], ["turn:b"]]);
});

test("a closed link hears nothing more", async () => {
  const { link, hub } = await connected();
  link.close();
  hub.emit("SfuEndpoint", { transportId: "sfu_2" });
  await settle();
  assert.equal(FakePeerConnection.made.length, 1);
  assert.equal(FakePeerConnection.made[0].signalingState, "closed");
});

describe("a narrow line", () => {
  test("says which videos are paused, until it is another connection's turn", async () => {
    const one = await connected();
    const paused = [];
    one.link.on("paused", (videos) => paused.push(videos));
    const videos = [{ userId: "ana", source: "camera", reason: "bandwidth" }];
    one.hub.emit("VideosPaused", { transportId: "sfu_other", videos });
    assert.deepEqual(paused, []);
    one.hub.emit("VideosPaused", { transportId: "sfu_1", videos });
    one.hub.emit("VideosPaused", { transportId: "sfu_1", videos: [] });
    assert.deepEqual(paused, [["ana/camera"], []]);
    one.hub.emit("VideosPaused", { transportId: "sfu_1", videos });
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed" });
    assert.deepEqual(paused.at(-1), []);
  });

  test("says of which videos it lets less through, and details do, too", async () => {
    const one = await connected();
    const limited = [];
    one.link.on("limited", (limits) => limited.push(limits));
    const videos = [{ userId: "ana", source: "camera", height: 180, fewerFrames: false, reason: "bandwidth" }];
    one.hub.emit("VideosLimited", { transportId: "sfu_other", videos });
    one.hub.emit("VideosLimited", { transportId: "sfu_1", videos });
    assert.deepEqual(limited, [videos]);
    assert.deepEqual((await one.link.details()).limits, videos);
    one.hub.emit("TransportState", { transportId: "sfu_1", state: "closed" });
    assert.deepEqual(limited.at(-1), []);
    assert.deepEqual((await one.link.details()).limits, []);
  });

  test("is unknown after events were missed", async () => {
    const one = await connected();
    const [paused, limited] = [[], []];
    one.link.on("paused", (videos) => paused.push(videos));
    one.link.on("limited", (limits) => limited.push(limits));
    one.hub.emit("joined", { missed: true });
    assert.deepEqual([paused, limited], [[[]], [[]]]);
  });
});
