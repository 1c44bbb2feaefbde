import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
// Loaded here, it takes a meeting no time.
import "../../../python/tertulia/web/static/media/mesh.js";
import { Meeting } from "../../../python/tertulia/web/static/meeting.js";
import { Emitter, TertuliaError } from "../../../python/tertulia/web/static/protocol.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";
import { answerTo, FakePeerConnection, fakeBrowser } from "./fake_peer_connection.js";
import { FakeSocket } from "./fake_socket.js";
import { failOnThrowingListeners } from "./listeners.js";
import { settle } from "./settle.js";

/** @type {FakeClock} */
let clock;

const person = (userId) => ({
  userId,
  displayName: userId,
  role: "attendee",
  isMuted: true,
  isVideoOn: true,
  joinedAt: "",
});

/** How long a grant is valid. */
const GRANT_MS = 300_000;

class FakeLocal extends Emitter {
  isMuted = false;
  isSharing = false;
  camera = new FakeTrack("video");
  crowds = [];

  async fit(crowd) {
    this.crowds.push(crowd);
  }

  get isVideoOn() {
    return this.camera !== null;
  }

  async setMuted(muted) {
    this.isMuted = muted;
    this.emit("changed", null);
  }

  tracks() {
    return new Map(this.camera ? [["camera", this.camera]] : []);
  }

  setCamera(track) {
    this.camera = track || null;
    this.emit("track", { source: "camera", track: this.camera });
  }

  stopScreen() {
    this.isSharing = false;
    this.emit("track", { source: "screen", track: null });
  }
}

/**
 * A server: it admits Mia, to a room that has an SFU unless `joined` says otherwise, and answers everything else with
 * an empty result.
 */
function serve(joined = {}) {
  FakeSocket.reset(null);
  serveAgain(joined);
}

/** The same for the connections to come. */
function serveAgain(joined = {}) {
  const result = {
    userId: "mia",
    role: "host",
    participants: [person("ana")],
    resumeToken: "r",
    keepAliveSeconds: 10,
    ...joined,
  };
  FakeSocket.answer = (socket, { event, id }) => {
    socket.say({ replyTo: id, result: event === "JoinRoom" ? result : {} });
    if (event === "JoinRoom" && !result.topology) say("SfuEndpoint", { transportId: "sfu_1" }, socket);
  };
}

const say = (event, payload, socket = FakeSocket.opened.at(-1)) => socket.say({ event, payload });
const calls = (event) => FakeSocket.opened.flatMap((socket) => socket.calls(event)).map(({ payload }) => payload);
/** @returns {Promise<string>} an offer as another member's client makes it */
async function offerOf() {
  const pc = new FakePeerConnection();
  FakePeerConnection.made.pop();
  for (const kind of ["audio", "video"]) pc.addTransceiver(kind, { direction: "sendrecv" });
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}

const closed = () => FakePeerConnection.made.map(({ signalingState }) => signalingState === "closed");

function setUp() {
  const local = new FakeLocal();
  const grants = [];
  /** Whether REST join waits for `give` or `refuse`. */
  const grant = { isHeld: false, give: () => {}, refuse: (/** @type {Error} */ _) => {} };
  const meeting = new Meeting({
    roomId: "room",
    displayName: "Mia",
    local,
    WebSocket: FakeSocket,
    grant: async () => {
      if (grant.isHeld) {
        await new Promise((resolve, reject) => {
          Object.assign(grant, { give: resolve, refuse: reject });
        });
      }
      const expiresAt = new Date(Date.now() + GRANT_MS).toISOString();
      const granted = {
        token: `t${grants.length}`,
        wsUrl: "ws://a",
        iceServers: [{ urls: `turn:${grants.length}` }],
        expiresAt,
      };
      grants.push(granted);
      return granted;
    },
  });
  const log = [];
  for (const name of ["state", "tracks", "media", "speakers", "reaction", "muteRequested", "mediaLimited", "end"]) {
    meeting.on(name, (payload) => log.push([name, payload]));
  }
  return {
    meeting,
    local,
    grant,
    grants,
    log,
    of: (name) => log.filter(([n]) => n === name).map(([, payload]) => payload),
  };
}

/** The SFU answers the latest offer. */
async function sfuAnswers() {
  await settle();
  const { sdp } = calls("SendOffer").at(-1);
  say("ReceiveAnswer", { sourceUserId: "sfu_1", sdp: await answerTo(sdp) });
  await settle();
}

async function joined(options) {
  serve(options);
  const one = setUp();
  const joining = one.meeting.join();
  if (!options?.topology) await sfuAnswers();
  await joining;
  return one;
}

beforeEach(() => {
  clock = new FakeClock();
  fakeBrowser();
  mock.method(console, "warn", () => {});
});
failOnThrowingListeners();

describe("joining a room with an SFU", () => {
  test("the first offer goes out behind JoinRoom, before its answer", async () => {
    FakeSocket.reset(null);
    const { meeting } = setUp();
    void meeting.join();
    await settle();
    assert.deepEqual(
      FakeSocket.opened[0].sent.map(({ event }) => event),
      ["JoinRoom", "SendOffer"],
    );
    assert.deepEqual(calls("SendOffer")[0].tracks, { 0: "microphone", 1: "camera" });
    assert.deepEqual(FakePeerConnection.made[0].configuration.iceServers, [{ urls: "turn:0" }]);
    assert.equal(FakePeerConnection.made[0].getTransceivers()[1].sender.track.kind, "video");
  });

  test("the first offer is being made while the room token is asked for", async () => {
    FakeSocket.reset(null);
    const { meeting, grant } = setUp();
    grant.isHeld = true;
    void meeting.join();
    await settle();
    const [pc] = FakePeerConnection.made;
    assert.deepEqual([pc.getTransceivers().length > 6, pc.offers], [true, 0], "nothing is gathered yet");
    grant.give();
    await settle();
    assert.deepEqual([pc.offers, FakePeerConnection.made.length], [1, 1]);
    assert.deepEqual(calls("SendOffer").length, 1);
  });

  test("who gets no room token leaves nothing behind", async () => {
    const { meeting, local, grant } = setUp();
    grant.isHeld = true;
    const joining = meeting.join();
    await settle();
    grant.refuse(new TertuliaError("room_full", ""));
    await assert.rejects(joining, { code: "room_full" });
    local.setCamera(null);
    assert.deepEqual([meeting.tracks(), closed()], [[], [true]]);
  });

  test("waits for the SFU's answer, but not for long", async () => {
    serve();
    const { meeting } = setUp();
    let done = false;
    void meeting.join().then(() => (done = true));
    await clock.advance(400);
    assert.equal(done, false);
    await clock.advance(200);
    assert.equal(done, true);
  });

  test("is done as soon as the SFU has answered", async () => {
    const { meeting, of } = await joined();
    assert.deepEqual([meeting.userId, meeting.role, of("state")], ["mia", "host", ["joining", "joined"]]);
    assert.deepEqual(
      meeting.roster.all.map(({ displayName }) => displayName),
      ["Mia", "ana"],
    );
    assert.equal(FakePeerConnection.made.length, 1);
  });

  test("refused, it leaves nothing behind", async () => {
    FakeSocket.reset((socket, { id }) => socket.say({ replyTo: id, error: { code: "room_full", message: "" } }));
    const { meeting, local, of } = setUp();
    await assert.rejects(meeting.join(), { code: "room_full" });
    assert.deepEqual([of("end").map(({ reason }) => reason), closed()], [["refused"], [true]]);
    local.setCamera(null);
    assert.deepEqual([meeting.tracks(), calls("UpdateState")], [[], []]);
  });
});

describe("joining a room without an SFU", () => {
  test("the SFU's connection makes way for one to each member", async () => {
    const { meeting, of } = await joined({ topology: "p2p", participants: [person("ana"), person("ben")] });
    await settle();
    assert.deepEqual(of("tracks").length > 0 && closed(), [true, false, false]);
    assert.deepEqual(
      calls("SendOffer").map(({ targetUserId }) => targetUserId),
      ["sfu", "ana", "ben"],
    );
    assert.equal(meeting.roster.all.length, 3);
    assert.ok(FakePeerConnection.made.slice(1).every((pc) => pc.getTransceivers()[1].sender.track));
  });

  test("a return keeps the connections", async () => {
    await joined({ topology: "p2p" });
    await settle();
    FakeSocket.opened[0].drop(1006);
    await settle();
    assert.deepEqual(closed(), [true, false]);
  });

  test("nothing is lost of what the others say while what connects to them is loaded", async () => {
    serve({ topology: "p2p" });
    const { meeting } = setUp();
    const sdp = await offerOf();
    meeting.hub.on("joined", () => {
      for (const userId of ["zoe", "leo"]) {
        say("ParticipantJoined", person(userId));
        say("ReceiveOffer", { sourceUserId: userId, sdp });
      }
      say("ParticipantLeft", { userId: "leo", reason: "left" });
    });
    await meeting.join();
    await settle();
    const to = (event) => calls(event).map(({ targetUserId }) => targetUserId);
    assert.deepEqual([to("SendOffer"), to("SendAnswer")], [["sfu", "ana"], ["zoe"]]);
  });

  test("who leaves meanwhile connects to nobody", async () => {
    serve({ topology: "p2p" });
    const { meeting } = setUp();
    meeting.hub.on("joined", () => meeting.leave());
    await meeting.join();
    await settle();
    assert.deepEqual(closed(), [true]);
  });

  test("who speaks is measured here", async () => {
    const { of } = await joined({ topology: "p2p" });
    await settle();
    const { sdp } = calls("SendOffer").at(-1);
    say("ReceiveAnswer", { sourceUserId: "ana", sdp: await answerTo(sdp) });
    await settle();
    const pc = FakePeerConnection.made.at(-1);
    const [{ mid }] = pc.getTransceivers();
    pc.stats = [{ id: "i", type: "inbound-rtp", kind: "audio", mid, packetsReceived: 1, audioLevel: 0.3 }];
    await clock.advance(2000);
    assert.deepEqual(of("speakers").at(-1), ["ana"]);
  });
});

describe("our state", () => {
  test("goes to the others whenever it changes, with the track to the SFU", async () => {
    const { meeting, local } = await joined();
    local.setCamera(null);
    await settle();
    assert.deepEqual(calls("UpdateState").at(-1), { isMuted: false, isVideoOn: false });
    assert.equal(meeting.roster.get("mia").isVideoOn, false);
    assert.equal(FakePeerConnection.made[0].getTransceivers()[1].sender.track, null);
    local.isMuted = true;
    local.emit("changed", null);
    assert.equal(calls("UpdateState").at(-1).isMuted, true);
  });

  test("a camera that is switched off while joining is not sent", async () => {
    FakeSocket.reset(null);
    const { meeting, local } = setUp();
    void meeting.join();
    await settle();
    local.setCamera(null);
    await settle();
    assert.equal(FakePeerConnection.made[0].getTransceivers()[1].sender.track, null);
  });

  test("is said again after a return", async () => {
    const { meeting } = await joined();
    const before = calls("UpdateState").length;
    const { joinedAt } = meeting.roster.get("mia");
    await clock.advance(1000);
    FakeSocket.opened[0].drop(1006);
    await settle();
    assert.equal(meeting.hub.state, "joined");
    assert.ok(calls("UpdateState").length > before);
    assert.equal(meeting.roster.get("mia").joinedAt, joinedAt);
    assert.equal(joinedAt, "2030-01-01T00:00:00.000Z");
  });

  test("is said again to an SFU that connects anew", async () => {
    const { meeting } = await joined();
    FakePeerConnection.made[0].ice("connected");
    const before = calls("UpdateState").length;
    say("TransportState", { transportId: "sfu_1", state: "closed" });
    await sfuAnswers();
    FakePeerConnection.made[1].ice("connected");
    assert.equal(calls("UpdateState").length, before + 1);
    assert.equal(meeting.handRaised, false);
  });

  test("a raised hand is said for a seat that may be new, and is up or not as the hub says", async () => {
    const { meeting } = await joined();
    await meeting.raiseHand(true);
    for (const handRaised of [true, false]) {
      serveAgain({ handRaised });
      FakeSocket.opened.at(-1).drop(1006);
      await settle();
      await clock.advance(3000);
      assert.equal(meeting.handRaised, handRaised);
    }
    assert.deepEqual(calls("RaiseHand"), [{ raised: true }]);
    assert.deepEqual(
      calls("JoinRoom").map(({ handRaised }) => handRaised),
      [false, true, true],
    );
  });

  test("a hand that the hub did not take is not up", async () => {
    const { meeting } = await joined();
    FakeSocket.answer = (socket, { id }) => socket.say({ replyTo: id, error: { code: "forbidden", message: "" } });
    await assert.rejects(meeting.raiseHand(true), { code: "forbidden" });
    assert.equal(meeting.handRaised, false);
  });
});

for (const [why, result, isMuted] of [
  ["the room says so", { isMuted: true }, true],
  ["only hosts may unmute", { role: "attendee", settings: { unmute: "host" } }, true],
  ["nobody says so", {}, false],
]) {
  test(`who joins with an open microphone is ${isMuted ? "muted" : "heard"} where ${why}`, async () => {
    const { meeting, local } = await joined(result);
    assert.deepEqual([meeting.wasMutedOnEntry, local.isMuted], [isMuted, isMuted]);
  });
}

test("whose microphone the browser still asks for stays muted, where the room lets them in muted", async () => {
  for (const settings of [{ muteOnEntry: true }, { unmute: "host" }]) {
    serve({ role: "attendee", isMuted: true, settings });
    const { meeting, local } = setUp();
    local.isMuted = true;
    const muting = mock.method(local, "setMuted");
    const joining = meeting.join();
    await sfuAnswers();
    await joining;
    assert.deepEqual([muting.mock.calls[0]?.arguments, meeting.wasMutedOnEntry], [[true], false]);
  }
});

describe("what is opened while it is forbidden", () => {
  const forbidden = { role: "attendee", permissions: { unmute: false, video: false, share: false } };

  test("is not sent", async () => {
    const { local } = await joined(forbidden);
    await settle();
    assert.equal(local.camera, null);
    local.isMuted = false;
    local.emit("changed", null);
    assert.deepEqual([local.isMuted, calls("UpdateState").at(-1)], [true, { isMuted: true, isVideoOn: false }]);
    local.setCamera(new FakeTrack("video"));
    assert.equal(local.camera, null);
    local.isSharing = true;
    local.emit("track", { source: "screen", track: new FakeTrack("video") });
    assert.equal(local.isSharing, false);
  });
});

test("who is told of the settings after a return finds the new list of people", async () => {
  const { meeting } = await joined();
  const found = [];
  meeting.control.on("settings", () => found.push(meeting.roster.all.map(({ userId }) => userId)));
  serveAgain({ participants: [person("ben")] });
  FakeSocket.opened.at(-1).drop();
  await clock.advance(3000);
  assert.deepEqual(found, [["mia", "ben"]]);
});

describe("our name", () => {
  test("is what the hub says: a seat that we take over keeps its own", async () => {
    const { meeting } = await joined({ displayName: "Mia M." });
    assert.deepEqual([meeting.displayName, meeting.roster.get("mia").displayName], ["Mia M.", "Mia M."]);
  });

  test("changes, and is said again to a seat that has timed out meanwhile", async () => {
    const { meeting } = await joined({ displayName: "Mia" });
    await meeting.rename("Maria");
    assert.deepEqual([meeting.displayName, meeting.roster.get("mia").displayName], ["Maria", "Maria"]);
    serveAgain({ displayName: "Mia" });
    FakeSocket.opened.at(-1).drop();
    await clock.advance(3000);
    assert.deepEqual(calls("SetDisplayName"), [{ displayName: "Maria" }, { displayName: "Maria" }]);
    assert.equal(meeting.roster.get("mia").displayName, "Maria");
  });

  test("that the hub did not take stays as it was", async () => {
    const { meeting } = await joined({ displayName: "Mia" });
    FakeSocket.answer = (socket, { id }) => socket.say({ replyTo: id, error: { code: "rate_limited", message: "" } });
    await assert.rejects(meeting.rename("Maria"));
    assert.equal(meeting.displayName, "Mia");
  });
});

describe("being recorded", () => {
  test("is known from JoinRoom's result on, and after a return", async () => {
    const { meeting } = await joined({ isRecording: true, recordingId: "r1" });
    assert.deepEqual(meeting.recording.state, { is: "on", recordingId: "r1" });
    serveAgain({ isRecording: false });
    FakeSocket.opened[0].drop(1006);
    await settle();
    assert.deepEqual(meeting.recording.state, { is: "off" });
  });

  test("can be refused; that is said again after a return, and before anything is sent", async () => {
    const { meeting } = await joined();
    assert.equal(calls("JoinRoom")[0].recordingOptOut, false);
    await meeting.setRecordingOptOut(true);
    assert.equal(meeting.recordingOptOut, true);
    FakeSocket.opened[0].drop(1006);
    await settle();
    assert.equal(calls("JoinRoom")[1].recordingOptOut, true);
    assert.deepEqual(calls("SetRecordingOptOut"), [{ optOut: true }, { optOut: true }]);
    await meeting.setRecordingOptOut(false);
    assert.equal(meeting.recordingOptOut, false);
  });

  test("is not refused if the hub did not take it", async () => {
    const { meeting } = await joined();
    FakeSocket.answer = (socket, { id }) => socket.say({ replyTo: id, error: { code: "internal", message: "" } });
    await assert.rejects(meeting.setRecordingOptOut(true), { code: "internal" });
    assert.equal(meeting.recordingOptOut, false);
  });
});

describe("what is told", () => {
  test("whether media flows", async () => {
    const { of } = await joined();
    FakePeerConnection.made[0].ice("connected");
    FakePeerConnection.made[0].ice("disconnected");
    FakePeerConnection.made[0].ice("connected");
    assert.deepEqual(of("media"), ["connecting", "connected", "interrupted", "connected"]);
  });

  test("reactions, requests to mute and speakers", async () => {
    const { of } = await joined();
    say("Reaction", { userId: "ana", emoji: "👏" });
    say("MuteRequested", { byUserId: "ana" });
    say("ActiveSpeakers", { userIds: ["ana"] });
    assert.deepEqual(of("reaction"), [{ userId: "ana", emoji: "👏" }]);
    assert.deepEqual([of("muteRequested"), of("speakers")], [["ana"], [["ana"]]]);
  });

  test("that more is sent than may", async () => {
    const { of } = await joined();
    say("MediaLimited", { limit: "tenant" });
    assert.deepEqual(of("mediaLimited"), ["tenant"]);
  });

  test("how well media flows, every two seconds", async () => {
    const { meeting } = await joined();
    let reports = 0;
    meeting.on("report", ({ qualities }) => qualities.has("") && reports++);
    await clock.advance(6000);
    assert.equal(reports, 3);
  });
});

test("which tracks and views there are is the link's affair", async () => {
  const { meeting } = await joined();
  FakePeerConnection.made[0].ice("connected");
  meeting.setView([{ userId: "ana", source: "camera" }]);
  let changes = 0;
  meeting.on("tracks", () => changes++);
  say("Slots", { slots: [{ mid: "6", userId: "ana", source: "camera", kind: "video" }] });
  assert.equal(changes, 1);
  assert.deepEqual(calls("SetView"), [{ videos: [{ userId: "ana", source: "camera" }] }]);
  assert.deepEqual(
    meeting
      .tracks()
      .filter(({ userId }) => userId)
      .map(({ userId }) => userId),
    ["ana"],
  );
});

test("what a host may call", async () => {
  const { meeting } = await joined();
  await meeting.sendChat("hello", "c1");
  await meeting.askToMute("ana");
  await meeting.muteAll();
  await meeting.remove("ana", true);
  await meeting.endForAll();
  const [chat, ask, , remove] = ["SendChat", "AskToMute", "MuteAll", "RemoveParticipant", "EndRoom"].map((event) => {
    assert.equal(calls(event).length, 1, event);
    return calls(event)[0];
  });
  assert.deepEqual(
    [chat, ask, remove],
    [{ text: "hello", clientId: "c1" }, { targetUserId: "ana" }, { targetUserId: "ana", ban: true }],
  );
});

test("tokens and TURN credentials are renewed before they expire", async () => {
  const { meeting, grants } = await joined();
  await clock.advance(GRANT_MS - 100_000);
  assert.equal(grants.length, 1);
  await clock.advance(60_000);
  assert.equal(grants.length, 2);
  assert.deepEqual(FakePeerConnection.made.at(-1).configuration.iceServers, [{ urls: "turn:1" }]);
  assert.equal(await meeting.token(), "t1");
  const configured = mock.method(FakePeerConnection.prototype, "setConfiguration");
  await clock.advance(60_000);
  assert.equal(configured.mock.callCount(), 0);
});

test("the camera is told for whom it films: how many, and whether each gets an encoding of their own", async () => {
  const { local } = await joined({ topology: "p2p" });
  const before = local.crowds.at(-1).people;
  say("ParticipantJoined", { userId: "zoe", displayName: "Zoe", role: "attendee" });
  assert.deepEqual(local.crowds.at(-1), { people: before + 1, isMesh: true });
  say("ParticipantLeft", { userId: "zoe", reason: "left" });
  assert.deepEqual(local.crowds.at(-1), { people: before, isMesh: true });
});

test("the end stops everything, and is told once", async () => {
  const { meeting, local, of } = await joined();
  meeting.leave();
  meeting.leave();
  let reports = 0;
  meeting.on("report", () => reports++);
  const before = FakeSocket.opened[0].sent.length;
  local.setCamera(null);
  await clock.advance(70_000);
  assert.deepEqual(
    of("end").map(({ reason }) => reason),
    ["left"],
  );
  assert.deepEqual([reports, meeting.tracks(), closed()], [0, [], [true]]);
  assert.equal(FakeSocket.opened[0].sent.length, before);
});

test("left while the SFU's answer is awaited, nothing goes on", async () => {
  serve();
  const { meeting } = setUp();
  const joining = meeting.join();
  await settle();
  meeting.leave();
  await clock.advance(500);
  await joining;
  let reports = 0;
  meeting.on("report", () => reports++);
  await clock.advance(10_000);
  assert.deepEqual([reports, closed()], [0, [true]]);
});
