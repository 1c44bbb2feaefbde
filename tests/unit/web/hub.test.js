import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import { Hub } from "../../../python/tertulia/web/static/protocol.js";
import { FakeSocket } from "./fake_socket.js";

const JOINED = { userId: "u1", role: "attendee", participants: [], resumeToken: "r1", keepAliveSeconds: 10 };

/** Lets promises settle without letting time pass. */
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

const answerAll = (socket, { event, id }) => socket.say({ replyTo: id, result: event === "JoinRoom" ? JOINED : {} });

function refuse(code, more = {}) {
  return (socket, { id }) => socket.say({ replyTo: id, error: { code, message: code, ...more } });
}

function newHub(grants = [], more = "") {
  return new Hub({
    roomId: "room",
    grant: async (refused) => {
      grants.push(refused);
      return { wsUrl: "ws://test/ws", token: `token${grants.length}${more}` };
    },
    state: () => ({ isMuted: true, isVideoOn: false }),
    WebSocket: FakeSocket,
  });
}

async function joinedHub() {
  const hub = newHub();
  await hub.join();
  return hub;
}

describe("Hub", () => {
  beforeEach(() => {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    FakeSocket.reset(answerAll);
  });

  test("joins with the token and one's state", async () => {
    const hub = newHub();
    assert.deepEqual(await hub.join(), JOINED);
    const [{ payload }] = FakeSocket.opened[0].calls("JoinRoom");
    assert.deepEqual(payload, { roomId: "room", token: "token1", isMuted: true, isVideoOn: false });
    assert.equal(hub.state, "joined");
  });

  test("waits for a host as long as it takes, and asks again when the connection breaks meanwhile", async () => {
    FakeSocket.reset((socket) => socket.say({ event: "Waiting", payload: {} }));
    const hub = newHub();
    const joined = hub.join();
    await settle();
    mock.timers.tick(60_000);
    await settle();
    assert.deepEqual([hub.state, hub.isWaiting, FakeSocket.opened.length], ["joining", true, 1]);
    FakeSocket.opened[0].drop(1006);
    await settle();
    mock.timers.tick(10_000);
    await settle();
    assert.equal(FakeSocket.opened.length, 2);
    FakeSocket.opened[1].say({ replyTo: 1, result: JOINED });
    assert.deepEqual(await joined, JOINED);
    assert.equal(hub.isWaiting, false);
  });

  describe("who waits for a host", () => {
    /** The server of a waiting room: it tells each KeepAlive that its sender has not joined. */
    const keepWaiting = (socket, message) =>
      message.event === "KeepAlive" ? refuse("not_joined")(socket, message) : socket.say({ event: "Waiting" });

    /** @returns the JoinRoom that waits */
    async function waiting() {
      FakeSocket.reset(keepWaiting);
      const hub = newHub();
      const joined = hub.join();
      await settle();
      return { hub, joined };
    }

    test("keeps their place when the machine wakes up, if the connection lives", async () => {
      const { hub, joined } = await waiting();
      hub.check();
      await settle();
      mock.timers.tick(9000);
      await settle();
      assert.deepEqual([FakeSocket.opened.length, FakeSocket.opened[0].calls("KeepAlive").length], [1, 1]);
      assert.equal(FakeSocket.opened[0].calls("JoinRoom").length, 1);
      FakeSocket.opened[0].say({ replyTo: 1, result: JOINED });
      assert.deepEqual(await joined, JOINED);
    });

    for (const [how, wake] of [
      ["of itself", () => mock.timers.tick(10_000)],
      ["when the machine wakes up", (hub) => hub.check()],
    ]) {
      test(`asks again ${how}, if the connection is dead`, async () => {
        const { hub, joined } = await waiting();
        FakeSocket.answer = (socket, message) => socket !== FakeSocket.opened[0] && keepWaiting(socket, message);
        wake(hub);
        mock.timers.tick(5000);
        await settle();
        assert.equal(FakeSocket.opened[0].closedWith.code, 4999);
        mock.timers.tick(1000);
        await settle();
        assert.deepEqual([FakeSocket.opened.length, hub.isWaiting], [2, true]);
        FakeSocket.opened[1].say({ replyTo: 1, result: JOINED });
        assert.deepEqual(await joined, JOINED);
      });
    }

    test("hears that a host has denied them while their line was down", async () => {
      const { hub, joined } = await waiting();
      const ends = [];
      hub.on("end", ({ reason, error }) => ends.push([reason, error.code]));
      FakeSocket.answer = refuse("bad_token", { reason: "removed" });
      FakeSocket.opened[0].drop(1006);
      const refused = assert.rejects(joined, { code: "entry_denied" });
      await settle();
      mock.timers.tick(1000);
      await settle();
      await refused;
      assert.deepEqual(ends, [["refused", "entry_denied"]]);
    });

    test("is not asked for a sign of life any more once they are in, or have gone", async () => {
      for (const end of [(hub) => hub.leave(), () => FakeSocket.opened[0].say({ replyTo: 1, result: JOINED })]) {
        const { hub, joined } = await waiting();
        end(hub);
        await joined.catch(() => {});
        FakeSocket.answer = answerAll;
        mock.timers.tick(9000);
        mock.timers.tick(1000);
        await settle();
        assert.equal(FakeSocket.opened[0].calls("KeepAlive").length, hub.state === "joined" ? 1 : 0);
        hub.leave();
      }
    });

    test("is told so when their seat has timed out while the connection lived", async () => {
      const hub = await joinedHub();
      FakeSocket.answer = keepWaiting;
      mock.timers.tick(10_000);
      await settle();
      assert.deepEqual([hub.state, hub.isWaiting], ["reconnecting", true]);
      FakeSocket.opened[0].say({ replyTo: 3, result: JOINED });
      await settle();
      assert.deepEqual([hub.state, hub.isWaiting, FakeSocket.opened.length], ["joined", false, 1]);
    });
  });

  test("does not throw out its own successor: who waits by another connection stays there", async () => {
    const hub = await joinedHub();
    const ends = [];
    hub.on("end", ({ reason, error }) => ends.push([reason, error.code]));
    FakeSocket.answer = refuse("already_joined");
    FakeSocket.opened[0].drop(1006);
    await settle();
    assert.deepEqual([ends, FakeSocket.opened.length], [[["refused", "already_joined"]], 2]);
  });

  for (const code of ["entry_denied", "room_locked", "waited_too_long"]) {
    test(`gives up when the answer is ${code}`, async () => {
      FakeSocket.reset(refuse(code));
      await assert.rejects(newHub().join(), { code });
      assert.equal(FakeSocket.opened.length, 1);
    });
  }

  test("what is called once JoinRoom was asked follows it without waiting for the answer", async () => {
    const asked = [];
    FakeSocket.reset((socket, call) => {
      asked.push(call.event);
      if (call.event === "SendOffer") for (const id of [1, 2]) socket.say({ replyTo: id, result: JOINED });
    });
    const hub = newHub();
    hub.on("asked", () => void hub.call("SendOffer", { targetUserId: "sfu", sdp: "v=0" }));
    assert.deepEqual(await hub.join(), JOINED);
    assert.deepEqual(asked, ["JoinRoom", "SendOffer"]);
  });

  test("a refused join ends it and says why", async () => {
    FakeSocket.reset(refuse("room_full"));
    const hub = newHub();
    const ends = [];
    hub.on("end", (end) => ends.push(end));
    await assert.rejects(hub.join(), { code: "room_full" });
    assert.equal(ends[0].reason, "refused");
    assert.equal(hub.state, "closed");
    assert.equal(FakeSocket.opened[0].closedWith.code, 4999);
  });

  test("a token that was just fetched and is refused is not exchanged", async () => {
    FakeSocket.reset(refuse("bad_token"));
    const grants = [];
    await assert.rejects(newHub(grants).join(), { code: "bad_token" });
    assert.deepEqual(grants, [false]);
  });

  test("before it joins there is nothing to check, and nothing can be called", async () => {
    const hub = newHub();
    hub.check();
    await assert.rejects(hub.call("KeepAlive"), { code: "unreachable" });
    assert.equal(FakeSocket.opened.length, 0);
  });

  test("gives the server's events by their names", async () => {
    const hub = await joinedHub();
    const heard = [];
    hub.on("ParticipantJoined", (payload) => heard.push(payload));
    FakeSocket.opened[0].say({ event: "ParticipantJoined", payload: { userId: "u2" } });
    FakeSocket.opened[0].say({ event: "SomethingNew", payload: {} });
    assert.deepEqual(heard, [{ userId: "u2" }]);
  });

  test("says KeepAlive as often as asked", async () => {
    await joinedHub();
    for (let i = 0; i < 3; i++) {
      mock.timers.tick(10_000);
      await settle();
    }
    assert.equal(FakeSocket.opened[0].calls("KeepAlive").length, 3);
  });

  test("a lost connection is resumed with the resume token", async () => {
    const hub = await joinedHub();
    const states = [];
    hub.on("state", (state) => states.push(state));
    FakeSocket.opened[0].drop(1006);
    await settle();
    assert.deepEqual(states, ["reconnecting", "joined"]);
    const { resumeToken, received } = FakeSocket.opened[1].calls("JoinRoom")[0].payload;
    assert.deepEqual({ resumeToken, received }, { resumeToken: "r1", received: 0 });
  });

  test("says how many events came behind JoinRoom's result, replayed ones included", async () => {
    const chat = (socket, text) => socket.say({ event: "ChatMessage", payload: { text } });
    const heard = [];
    FakeSocket.reset((socket, call) => {
      answerAll(socket, call);
      if (call.event !== "JoinRoom" || FakeSocket.opened.length < 2) return;
      for (const text of ["three", "four"]) chat(socket, text); // in the same breath as the result
    });
    const hub = await joinedHub();
    hub.on("ChatMessage", ({ text }) => heard.push(text));
    for (const text of ["one", "two"]) chat(FakeSocket.opened[0], text);
    mock.timers.tick(10_000);
    assert.deepEqual(FakeSocket.opened[0].calls("KeepAlive")[0].payload, { received: 2 });
    for (const [lost, received] of [2, 2, 2].entries()) {
      FakeSocket.opened[lost].drop(1006);
      await settle();
      assert.equal(FakeSocket.opened[lost + 1].calls("JoinRoom")[0].payload.received, received);
    }
    assert.deepEqual(heard.slice(0, 4), ["one", "two", "three", "four"]);
  });

  test("tries again, with growing pauses, until the server is back", async () => {
    const hub = await joinedHub();
    FakeSocket.answer = (socket) => socket.drop(1006);
    FakeSocket.opened[0].drop(1006);
    for (let i = 0; i < 5; i++) {
      await settle();
      mock.timers.tick(8000);
    }
    await settle();
    assert.equal(hub.state, "reconnecting");
    assert.equal(FakeSocket.opened.length, 7);
    FakeSocket.answer = answerAll;
    mock.timers.tick(8000);
    await settle();
    assert.equal(hub.state, "joined");
  });

  test("check() ends the pause between two tries", async () => {
    const hub = await joinedHub();
    FakeSocket.answer = (socket) => socket.drop(1006);
    FakeSocket.opened[0].drop(1006);
    await settle();
    FakeSocket.answer = answerAll;
    hub.check();
    await settle();
    assert.equal(hub.state, "joined");
  });

  test("a socket that answers no KeepAlive is given up, its seat is kept", async () => {
    await joinedHub();
    FakeSocket.answer = (socket, message) => socket !== FakeSocket.opened[0] && answerAll(socket, message);
    mock.timers.tick(10_000);
    mock.timers.tick(5_000);
    await settle();
    assert.equal(FakeSocket.opened[0].closedWith.code, 4999);
    assert.equal(FakeSocket.opened.length, 2);
  });

  test("a socket that is late with an answer is kept while anything else comes", async () => {
    const hub = await joinedHub();
    FakeSocket.answer = () => {};
    const [socket] = FakeSocket.opened;
    mock.timers.tick(10_000);
    socket.say({ replyTo: 1_000_000, error: { code: "internal", message: "Redis does not answer" } });
    mock.timers.tick(5_000);
    await settle();
    assert.deepEqual([hub.state, FakeSocket.opened.length], ["joined", 1]);
  });

  test("a seat that timed out while the socket lived is taken again on it", async () => {
    const hub = await joinedHub();
    FakeSocket.answer = (socket, message) =>
      message.event === "KeepAlive" ? refuse("not_joined")(socket, message) : answerAll(socket, message);
    mock.timers.tick(10_000);
    await settle();
    assert.equal(FakeSocket.opened.length, 1);
    assert.equal(FakeSocket.opened[0].calls("JoinRoom").length, 2);
    assert.equal(hub.state, "joined");
  });

  test("a token that ran out meanwhile by the server's clock is exchanged for a fresh one", async () => {
    const grants = [];
    const claims = Buffer.from(JSON.stringify({ exp: Date.now() / 1000 + 3600 })).toString("base64url");
    const hub = newHub(grants, `.${claims}.s`);
    await hub.join();
    FakeSocket.answer = (socket, message) =>
      message.payload?.token.startsWith("token1") ? refuse("bad_token")(socket, message) : answerAll(socket, message);
    FakeSocket.opened[0].drop(1006);
    for (let i = 0; i < 4; i++) await settle();
    assert.deepEqual(grants, [false, true]);
    assert.equal(hub.state, "joined");
  });

  test("who was removed while away does not come back", async () => {
    const grants = [];
    const hub = newHub(grants);
    const ends = [];
    hub.on("end", ({ reason, error }) => ends.push([reason, error.code]));
    await hub.join();
    FakeSocket.answer = refuse("bad_token", { reason: "removed" });
    FakeSocket.opened[0].drop(1006);
    await settle();
    assert.deepEqual([grants, ends], [[false], [["removed", "bad_token"]]]);
  });

  test("a token that REST does not renew any more ends it", async () => {
    const hub = newHub();
    await hub.join();
    const ends = [];
    hub.on("end", ({ error }) => ends.push(error.code));
    FakeSocket.answer = refuse("unauthorized");
    FakeSocket.opened[0].drop(1006);
    await settle();
    assert.deepEqual(ends, ["unauthorized"]);
  });

  for (const [code, reason] of [
    [4000, "ended"],
    [4001, "replaced"],
    [4003, "removed"],
  ]) {
    test(`close ${code} is final: ${reason}`, async () => {
      const hub = await joinedHub();
      const ends = [];
      hub.on("end", (end) => ends.push(end.reason));
      FakeSocket.opened[0].drop(code);
      await settle();
      mock.timers.tick(60_000);
      assert.deepEqual(ends, [reason]);
      assert.equal(FakeSocket.opened.length, 1);
    });
  }

  test("leaving closes with 1000 and is told once", async () => {
    const hub = await joinedHub();
    const ends = [];
    hub.on("end", (end) => ends.push(end.reason));
    hub.leave();
    hub.leave();
    assert.deepEqual(ends, ["left"]);
    assert.equal(FakeSocket.opened[0].closedWith.code, 1000);
  });

  test("left at the moment of JoinRoom's answer, it stays left", async () => {
    const hub = newHub();
    FakeSocket.answer = (socket, message) => {
      answerAll(socket, message);
      hub.leave();
    };
    await assert.rejects(hub.join(), { code: "unreachable" });
    mock.timers.tick(60_000);
    assert.deepEqual([hub.state, FakeSocket.opened[0].calls("KeepAlive")], ["closed", []]);
  });

  test("leaving while reconnecting stops the tries", async () => {
    const hub = await joinedHub();
    FakeSocket.answer = (socket) => socket.drop(1006);
    FakeSocket.opened[0].drop(1006);
    await settle();
    hub.leave();
    mock.timers.tick(60_000);
    await settle();
    assert.equal(FakeSocket.opened.length, 2);
  });

  test("a call that is not answered fails, and so do those of a lost connection", async () => {
    const hub = await joinedHub();
    FakeSocket.answer = null;
    const late = assert.rejects(hub.call("SendChat", { text: "a" }), { code: "unreachable" });
    mock.timers.tick(10_000);
    await late;
    const lost = assert.rejects(hub.call("SendChat", { text: "b" }), { code: "unreachable" });
    FakeSocket.opened[0].drop(1006);
    await lost;
    hub.leave();
  });

  test("errors of the hub keep code and field", async () => {
    const hub = await joinedHub();
    FakeSocket.answer = (socket, { id }) =>
      socket.say({ replyTo: id, error: { code: "invalid", message: "m", field: "text" } });
    await assert.rejects(hub.call("SendChat", { text: "" }), { code: "invalid", field: "text", message: "m" });
  });
});
