import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsOf, newUuid, Rest } from "../../../python/tertulia/web/static/protocol.js";

const answering = (status, body) => {
  const asked = [];
  const fetchImpl = async (url, init) => {
    asked.push({ url, ...init });
    return new Response(body === undefined ? null : JSON.stringify(body), { status });
  };
  return { asked, fetchImpl };
};

test("join posts who one is, with the credential", async () => {
  const { asked, fetchImpl } = answering(200, { token: "t" });
  assert.deepEqual(await new Rest("https://x/", "key", fetchImpl).join("room", "user", "Ana"), { token: "t" });
  const [{ url, method, body, headers }] = asked;
  assert.deepEqual(
    [url, method, JSON.parse(body)],
    ["https://x/v1/rooms/room/join", "POST", { userId: "user", displayName: "Ana" }],
  );
  assert.equal(headers.Authorization, "Bearer key");
});

test("a room and its recordings", async () => {
  const { asked, fetchImpl } = answering(200, []);
  const rest = new Rest("https://x", "token", fetchImpl);
  await rest.room("a b");
  await rest.recordings("room");
  await rest.compose("room", "rec", "speaker");
  await rest.deleteRecording("room", "rec");
  assert.deepEqual(
    asked.map(({ method, url, body }) => [method, url.slice("https://x/v1/rooms/".length), body]),
    [
      ["GET", "a%20b", undefined],
      ["GET", "room/recordings", undefined],
      ["POST", "room/recordings/rec/compose", '{"layout":"speaker"}'],
      ["DELETE", "room/recordings/rec", undefined],
    ],
  );
});

test("what a tenant does about its rooms", async () => {
  const { asked, fetchImpl } = answering(200, {});
  const rest = new Rest("https://x", "key", fetchImpl);
  await rest.createRoom("host", { muteOnEntry: true }, { title: "Board" });
  await rest.rooms();
  await rest.rooms({ status: "ACTIVE", cursor: "a/b" });
  await rest.changeRoom("room", { title: null });
  await rest.participants("room");
  await rest.removeParticipant("room", "user");
  await rest.removeParticipant("room", "user", true);
  await rest.sessions("room");
  await rest.startRecording("room");
  await rest.endRoom("room");
  await rest.deleteRoom("room");
  await rest.nodes();
  assert.deepEqual(
    asked.map(({ method, url, body }) => [method, url.slice("https://x/v1/".length), body]),
    [
      ["POST", "rooms", '{"hostId":"host","settings":{"muteOnEntry":true},"title":"Board"}'],
      ["GET", "rooms", undefined],
      ["GET", "rooms?status=ACTIVE&cursor=a%2Fb", undefined],
      ["PATCH", "rooms/room", '{"title":null}'],
      ["GET", "rooms/room/participants", undefined],
      ["DELETE", "rooms/room/participants/user", undefined],
      ["DELETE", "rooms/room/participants/user?ban=true", undefined],
      ["GET", "rooms/room/sessions", undefined],
      ["POST", "rooms/room/recordings", undefined],
      ["POST", "rooms/room/end", undefined],
      ["DELETE", "rooms/room", undefined],
      ["GET", "nodes", undefined],
    ],
  );
});

test("an answer may have no body", async () => {
  const fetchImpl = async () => new Response(null, { status: 202, headers: { "Content-Length": "0" } });
  assert.equal(await new Rest("https://x", "key", fetchImpl).stopRecording("room", "rec"), null);
});

test("problem details become errors with their code", async () => {
  const { fetchImpl } = answering(409, { code: "room_full", detail: "The room is full.", status: 409 });
  await assert.rejects(new Rest("https://x", null, fetchImpl).join("r", "u", "n"), {
    code: "room_full",
    status: 409,
    message: "The room is full.",
  });
});

test("the first wrong field is told", async () => {
  const { fetchImpl } = answering(422, { code: "invalid", errors: [{ field: "displayName", message: "too long" }] });
  await assert.rejects(new Rest("https://x", null, fetchImpl).join("r", "u", "n"), {
    field: "displayName",
    message: "too long",
  });
});

test("an answer that is no JSON is an error of its status", async () => {
  const fetchImpl = async () => new Response("<html>", { status: 502 });
  await assert.rejects(new Rest("https://x", null, fetchImpl).join("r", "u", "n"), { code: "http_502" });
});

test("no answer is unreachable", async () => {
  const fetchImpl = async () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(new Rest("https://x", null, fetchImpl).join("r", "u", "n"), { code: "unreachable" });
});

test("whether rooms may be made", async () => {
  assert.equal(await new Rest("https://x", null, answering(200, { items: [] }).fetchImpl).mayCreateRooms(), true);
  assert.equal(
    await new Rest("https://x", null, answering(401, { code: "unauthorized" }).fetchImpl).mayCreateRooms(),
    false,
  );
});

test("a token's claims are read without trusting them", () => {
  const token = `e30.${Buffer.from(JSON.stringify({ sub: "ü-ÿ?>" })).toString("base64url")}.sig`;
  assert.equal(claimsOf(token)?.sub, "ü-ÿ?>");
  assert.equal(claimsOf("opaque"), null);
  assert.equal(claimsOf("a.%%%.c"), null);
});

test("a new UUID is one of version 4", () => {
  assert.match(newUuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(newUuid(), newUuid());
});
