import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Invites, Inviting } from "../../../python/tertulia/web/static/view/invites.js";

beforeEach(() => {
  const kept = new Map();
  globalThis.sessionStorage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
  };
});

function setUp(days = 7) {
  const listed = [];
  const rest = {
    invite: async () => {
      const id = `i${listed.length + 1}`;
      listed.push({ id });
      return { id, url: `https://a/m/${id}`, expiresAt: new Date(Date.now() + days * 86_400_000).toISOString() };
    },
    invites: async () => listed.filter(({ deleted }) => !deleted),
  };
  return { listed, rest, invites: new Invites(async () => rest, "room") };
}

test("one invite for all who are sent the link", async () => {
  const { listed, invites } = setUp();
  assert.deepEqual([await invites.link(), await invites.link()], ["https://a/m/i1", "https://a/m/i1"]);
  assert.equal(listed.length, 1);
});

test("the same one for the page that is loaded again, and another one in another room", async () => {
  const { listed, rest, invites } = setUp();
  await invites.link();
  assert.equal(await new Invites(async () => rest, "room").link(), "https://a/m/i1");
  assert.equal(await new Invites(async () => rest, "another").link(), "https://a/m/i2");
  assert.equal(listed.length, 2);
});

test("one invite also for two who ask at the same moment", async () => {
  const { listed, invites } = setUp();
  assert.deepEqual(await Promise.all([invites.link(), invites.link()]), ["https://a/m/i1", "https://a/m/i1"]);
  assert.equal(listed.length, 1);
});

test("another one where it was deleted, or expires soon", async () => {
  const { listed, invites } = setUp();
  await invites.link();
  listed[0].deleted = true;
  assert.equal(await invites.link(), "https://a/m/i2");
  const short = setUp(0.5).invites;
  assert.notEqual(await short.link(), await short.link());
});

test("none is made only to know whether there is one", async () => {
  const { listed, invites } = setUp();
  assert.equal(await invites.known(), null);
  assert.equal(listed.length, 0);
  const url = await invites.link();
  assert.equal(await invites.known(), url);
  listed[0].deleted = true;
  assert.equal(await invites.known(), null);
});

test("one that could not be made is made again", async () => {
  const { rest, invites } = setUp();
  const { invite } = rest;
  rest.invite = async () => Promise.reject(new Error("away"));
  await assert.rejects(invites.link());
  rest.invite = invite;
  assert.equal(await invites.link(), "https://a/m/i1");
});

test("hosts send invites, and others the link that they came by, if it is not for them alone", async () => {
  const meeting = { role: "host" };
  const { invites } = setUp();
  const inviting = new Inviting(meeting, invites, null);
  assert.equal(await inviting.known(), null);
  assert.deepEqual([inviting.isPossible, await inviting.link()], [true, "https://a/m/i1"]);
  assert.equal(await inviting.known(), "https://a/m/i1");
  meeting.role = "attendee";
  assert.equal(inviting.isPossible, false);
  const passing = new Inviting(meeting, invites, "https://a/m/own");
  assert.deepEqual([passing.isPossible, await passing.link()], [true, "https://a/m/own"]);
  assert.equal(await passing.known(), "https://a/m/own");
});
