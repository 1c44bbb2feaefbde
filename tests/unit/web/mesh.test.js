import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import { Mesh } from "../../../python/tertulia/web/static/media/mesh.js";
import { Roster } from "../../../python/tertulia/web/static/protocol.js";
import { FakeClock } from "./fake_clock.js";
import { FakeHub } from "./fake_hub.js";
import { FakeTrack } from "./fake_media.js";
import { answerTo, FakePeerConnection, fakeBrowser } from "./fake_peer_connection.js";
import { failOnThrowingListeners } from "./listeners.js";
import { settle } from "./settle.js";

/** @type {FakeClock} */
let clock;

const person = (userId) => ({
  userId,
  displayName: userId,
  role: "attendee",
  isMuted: false,
  isVideoOn: true,
  joinedAt: "",
});

/** Mia's mesh, with the given members in the room before her. */
async function setUp(before = [], tracks = new Map()) {
  const hub = new FakeHub();
  const roster = new Roster(hub);
  roster.reset(person("mia"), before.map(person));
  const mesh = new Mesh({ hub, roster, userId: "mia", iceServers: [{ urls: "stun:a" }], tracks });
  const states = [];
  mesh.on("state", (state) => states.push(state));
  const changes = { tracks: 0 };
  mesh.on("tracks", () => changes.tracks++);
  await settle();
  return {
    hub,
    roster,
    mesh,
    states,
    changes,
    offered: () => hub.called("SendOffer").map(({ targetUserId }) => targetUserId),
  };
}

/** A member answers what they were offered last. */
async function answer(hub, userId) {
  const { sdp } = hub.called("SendOffer").findLast(({ targetUserId }) => targetUserId === userId);
  hub.emit("ReceiveAnswer", { sourceUserId: userId, sdp: await answerTo(sdp) });
  await settle();
}

/** An offer as another member's client makes it. */
async function offerOf() {
  const pc = new FakePeerConnection();
  FakePeerConnection.made.pop();
  for (const kind of ["audio", "video"]) pc.addTransceiver(kind, { direction: "sendrecv" });
  for (const kind of ["video", "audio"]) pc.addTransceiver(kind, { direction: "recvonly" });
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}

beforeEach(() => {
  clock = new FakeClock();
  fakeBrowser();
  mock.method(console, "warn", () => {});
});
failOnThrowingListeners();

describe("who offers", () => {
  test("we do, to those who were there before us", async () => {
    const { offered } = await setUp(["ana", "ben"]);
    assert.deepEqual(offered(), ["ana", "ben"]);
    assert.deepEqual(FakePeerConnection.made[1].configuration.iceServers, [{ urls: "stun:a" }]);
  });

  test("whoever comes after us does", async () => {
    const { hub, offered, mesh } = await setUp();
    hub.emit("ParticipantJoined", person("zoe"));
    hub.emit("ReceiveOffer", { sourceUserId: "zoe", sdp: await offerOf() });
    await clock.advance(10_000);
    assert.deepEqual([offered(), hub.called("SendAnswer").length], [[], 1]);
    assert.deepEqual(
      mesh.tracks().map(({ userId }) => userId),
      ["zoe", "zoe"],
    );
  });

  test("if they do not within three seconds, we do", async () => {
    const { hub, offered } = await setUp();
    hub.emit("ParticipantJoined", person("zoe"));
    await clock.advance(2900);
    assert.deepEqual(offered(), []);
    await clock.advance(200);
    assert.deepEqual(offered(), ["zoe"]);
  });

  test("nobody, if they left before", async () => {
    const { hub, offered } = await setUp();
    hub.emit("ParticipantJoined", person("zoe"));
    hub.emit("ParticipantLeft", { userId: "zoe", reason: "left" });
    await clock.advance(10_000);
    assert.deepEqual(offered(), []);
  });

  test("an offer may come before its member is known", async () => {
    const { hub, offered } = await setUp();
    hub.emit("ReceiveOffer", { sourceUserId: "zoe", sdp: await offerOf() });
    hub.emit("ParticipantJoined", person("zoe"));
    hub.emit("ReceiveOffer", { sourceUserId: "zoe", sdp: await offerOf() });
    await clock.advance(10_000);
    assert.deepEqual([offered(), FakePeerConnection.made.length], [[], 1]);
  });

  test("to ourselves, nobody", async () => {
    const { roster, offered } = await setUp();
    roster.emit("joined", person("mia"));
    await clock.advance(10_000);
    assert.deepEqual(offered(), []);
  });
});

test("each member's messages go to their connection, unknown ones nowhere", async () => {
  const { hub } = await setUp(["ana", "ben"]);
  await answer(hub, "ben");
  const [ana, ben] = FakePeerConnection.made;
  assert.deepEqual([ana.signalingState, ben.signalingState], ["have-local-offer", "stable"]);
  hub.emit("IceCandidate", { sourceUserId: "ben", candidate: "c" });
  hub.emit("IceCandidate", { sourceUserId: "eve", candidate: "c" });
  hub.emit("ReceiveAnswer", { sourceUserId: "eve", sdp: "v=0{}" });
  await settle();
  assert.deepEqual([ana.candidates.length, ben.candidates.length], [0, 1]);
});

test("connected once everyone is", async () => {
  const { hub, states } = await setUp(["ana", "ben"]);
  await answer(hub, "ana");
  await answer(hub, "ben");
  const [ana, ben] = FakePeerConnection.made;
  ana.ice("connected");
  assert.equal(states.at(-1), "connecting");
  ben.ice("connected");
  assert.equal(states.at(-1), "connected");
});

test("what is as it was is not told again", async () => {
  const { hub, states, changes } = await setUp(["ana"]);
  await answer(hub, "ana");
  const [pc] = FakePeerConnection.made;
  pc.ice("connected");
  const before = changes.tracks;
  pc.getTransceivers()[0].receiver.track.onunmute();
  pc.ice("completed");
  assert.deepEqual([states, changes.tracks], [["connecting", "connected"], before + 2]);
});

test("who leaves takes their tracks along", async () => {
  const { hub, mesh, changes } = await setUp(["ana", "ben"]);
  await answer(hub, "ana");
  await answer(hub, "ben");
  assert.equal(changes.tracks, 2);
  hub.emit("ParticipantLeft", { userId: "ana", reason: "left" });
  assert.equal(changes.tracks, 3);
  assert.deepEqual([...new Set(mesh.tracks().map(({ userId }) => userId))], ["ben"]);
  assert.equal(FakePeerConnection.made[0].signalingState, "closed");
});

test("tracks are sent to those who are there and to those who come, a screen's sound too", async () => {
  const camera = new FakeTrack("video");
  const screen = new FakeTrack("video");
  const { hub, mesh } = await setUp(["ana"], new Map([["camera", camera]]));
  await answer(hub, "ana");
  mesh.setTrack("screen", screen);
  const sound = new FakeTrack("audio");
  mesh.setTrack("screen-audio", sound);
  hub.emit("ReceiveOffer", { sourceUserId: "zoe", sdp: await offerOf() });
  await settle();
  for (const pc of FakePeerConnection.made) {
    assert.deepEqual(
      pc.getTransceivers().map(({ sender }) => sender.track),
      [null, camera, screen, sound],
    );
  }
  mesh.setTrack("screen", null);
  await settle();
  assert.equal(FakePeerConnection.made[0].getTransceivers()[2].sender.track, null);
});

test("after a return, what may be lost is sent again", async () => {
  const { hub, offered } = await setUp(["ana", "ben"]);
  await answer(hub, "ana");
  FakePeerConnection.made[0].ice("connected");
  hub.emit("joined", {});
  await settle();
  assert.deepEqual(offered(), ["ana", "ben", "ben"]);
});

test("fresh ICE servers reach the connections there are and those to come", async () => {
  const { hub, mesh } = await setUp(["ana"]);
  mesh.setIceServers([{ urls: "turn:b" }]);
  hub.emit("ReceiveOffer", { sourceUserId: "zoe", sdp: await offerOf() });
  for (const { configuration } of FakePeerConnection.made)
    assert.deepEqual(configuration.iceServers, [{ urls: "turn:b" }]);
});

describe("reports", () => {
  const voice = (pc, audioLevel) => {
    const [{ mid }] = pc.getTransceivers();
    pc.stats = [{ id: "i", type: "inbound-rtp", kind: "audio", mid, packetsReceived: 1, audioLevel }];
  };

  test("say who speaks, the loudest first", async () => {
    const { hub, mesh } = await setUp(["ana", "ben", "cleo"]);
    for (const userId of ["ana", "ben", "cleo"]) await answer(hub, userId);
    [0.1, 0.5, 0.01].forEach((level, i) => void voice(FakePeerConnection.made[i], level));
    const heard = [];
    mesh.on("speakers", (userIds) => heard.push(userIds));
    const { levels, qualities } = await mesh.report();
    assert.deepEqual(heard, [["ben", "ana"]]);
    assert.equal(levels.get("cleo"), 0.01);
    assert.deepEqual([...qualities.keys()].sort(), ["", "ana", "ben", "cleo"]);
  });

  test("say who films, in one list", async () => {
    const { hub, mesh } = await setUp(["ana", "ben", "cleo"]);
    for (const userId of ["ana", "ben", "cleo"]) await answer(hub, userId);
    for (const packetsReceived of [0, 5]) {
      for (const pc of FakePeerConnection.made.slice(0, 2)) {
        const [, { mid }] = pc.getTransceivers();
        pc.stats = [{ id: "i", type: "inbound-rtp", kind: "video", mid, packetsReceived }];
      }
      const { filming } = await mesh.report();
      assert.deepEqual([...filming], packetsReceived ? ["ana", "ben"] : []);
    }
  });

  test("say who cannot be reached, but not of those whom the hub has lost, too", async () => {
    const { hub, mesh } = await setUp(["ana", "ben"]);
    for (const userId of ["ana", "ben"]) await answer(hub, userId);
    FakePeerConnection.made[0].ice("connected");
    hub.emit("ConnectionLost", { userId: "ben" });
    await clock.advance(11_000);
    const report = await mesh.report();
    assert.deepEqual([report.blockage, report.qualities.get("").bars], [null, 3]);
    hub.emit("ConnectionBack", { userId: "ben" });
    await clock.advance(9000);
    assert.equal((await mesh.report()).blockage, null);
    await clock.advance(2000);
    assert.deepEqual((await mesh.report()).blockage.userIds, ["ben"]);
  });

  test("our own quality is that of the worst connection, good without any", async () => {
    const { hub, mesh, roster } = await setUp(["ana", "ben"]);
    for (const userId of ["ana", "ben"]) await answer(hub, userId);
    FakePeerConnection.made[0].ice("connected");
    assert.equal((await mesh.report()).qualities.get("").bars, 0);
    for (const userId of ["ana", "ben"]) roster.emit("left", person(userId));
    assert.equal((await mesh.report()).qualities.get("").bars, 3);
  });
});

test("a closed mesh offers to nobody and hears nothing", async () => {
  const { hub, mesh, offered } = await setUp(["ana"]);
  hub.emit("ParticipantJoined", person("zoe"));
  mesh.close();
  hub.emit("ParticipantJoined", person("eve"));
  hub.emit("ReceiveOffer", { sourceUserId: "eve", sdp: await offerOf() });
  await clock.advance(10_000);
  assert.deepEqual(offered(), ["ana"]);
  assert.deepEqual(
    FakePeerConnection.made.map(({ signalingState }) => signalingState),
    ["closed"],
  );
});

test("there is nothing to wait for", async () => {
  const { mesh } = await setUp();
  assert.equal(await mesh.agreed, undefined);
});
