import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Rest } from "../../../python/tertulia/web/static/protocol.js";
import { keepDenial } from "../../../python/tertulia/web/static/view/entry.js";
import { Guest } from "../../../python/tertulia/web/static/view/guest.js";

const ROOM = "6f1c0000-0000-4000-8000-000000000000";

/** @type {{credential: string, userId: string, key: string | undefined}[]} what was asked of the server */
let asked;
/** @type {(request: {credential: string}) => number} the status of the next answers */
let status;
/** @type {string | undefined} of answers with status 401 */
let reason;

class FakeStorage {
  #items = new Map();
  /** @param {string} key */
  getItem = (key) => this.#items.get(key) ?? null;
  /** @type {(key: string, value: string) => void} */
  setItem = (key, value) => void this.#items.set(key, value);
  /** @param {string} key */
  removeItem = (key) => void this.#items.delete(key);
}

/**
 * @param {string} userId
 * @param {number} lives seconds
 */
function tokenOf(userId, lives = 3600) {
  const claims = { sub: userId, room: ROOM, exp: Math.floor(Date.now() / 1000) + lives };
  return `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${asked.length}`;
}

beforeEach(() => {
  asked = [];
  status = () => 200;
  reason = undefined;
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true }); // without locks: a tab is alone
  Object.assign(globalThis, {
    localStorage: new FakeStorage(),
    sessionStorage: new FakeStorage(),
    location: { origin: "https://meet.example" },
    fetch: async (/** @type {string} */ _url, /** @type {any} */ init) => {
      const { userId } = JSON.parse(init.body ?? "{}");
      const request = {
        credential: init.headers.Authorization.slice("Bearer ".length),
        userId,
        key: init.headers["Idempotency-Key"],
      };
      asked.push(request);
      const code = status(request);
      return Response.json(code === 200 ? { token: tokenOf(userId) } : { code: "unauthorized", reason }, {
        status: code,
      });
    },
  });
});

const invited = () => new Rest("https://meet.example", "invite");

test("a guest comes by the invite once, and back by their own token", async () => {
  const guest = await Guest.of(ROOM);
  const first = await guest.enter(invited(), "Ana");
  const second = await guest.renew("Ana");
  await (await Guest.of(ROOM)).enter(invited(), "Ana");
  assert.deepEqual(
    asked.map(({ credential }) => credential),
    ["invite", first.token, second.token],
  );
  assert.equal(new Set(asked.map(({ userId }) => userId)).size, 1);
});

test("a request that is sent again is the same one, under the same name", async () => {
  const guest = await Guest.of(ROOM);
  status = () => 503;
  await assert.rejects(guest.enter(invited(), "Ana"));
  await assert.rejects(guest.enter(invited(), "Ana"));
  await assert.rejects(guest.enter(invited(), "Eva"));
  assert.ok(asked[0].key);
  assert.deepEqual(asked[1], asked[0]);
  assert.notEqual(asked[2].key, asked[0].key);
  assert.notEqual(asked[2].userId, asked[0].userId);
});

test("who was removed does not come back as somebody new", async () => {
  localStorage.setItem(`tertulia.guest.${ROOM}`, tokenOf("old"));
  reason = "removed";
  status = ({ credential }) => (credential === "invite" ? 200 : 401);
  for (let visit = 0; visit < 2; visit++) {
    asked = [];
    await assert.rejects(Guest.admission(ROOM, invited()), { reason: "removed" });
    await assert.rejects((await Guest.of(ROOM)).enter(invited(), "Ana"), { reason: "removed" });
    assert.deepEqual([asked.length, asked[1].userId], [2, "old"]);
  }
});

test("who was denied hears that, and not that they were removed", async () => {
  localStorage.setItem(`tertulia.guest.${ROOM}`, tokenOf("old"));
  keepDenial({ sub: "old", room: ROOM });
  reason = "removed";
  status = () => 401;
  await assert.rejects(Guest.admission(ROOM, invited()), { code: "entry_denied" });
  await assert.rejects((await Guest.of(ROOM)).enter(invited(), "Ana"), { code: "entry_denied" });
});

test("whose token is refused for anything else comes by the invite, as somebody new", async () => {
  const old = tokenOf("old");
  localStorage.setItem(`tertulia.guest.${ROOM}`, old);
  status = ({ credential }) => (credential === old ? 401 : 200);
  const guest = await Guest.of(ROOM);
  await guest.enter(invited(), "Ana");
  assert.deepEqual(
    asked.map(({ credential }) => credential),
    [old, "invite"],
  );
  assert.notEqual(asked[1].userId, "old");
  localStorage.setItem(`tertulia.guest.${ROOM}`, old);
  await Guest.admission(ROOM, invited());
  assert.equal(asked.at(-1)?.credential, "invite");
  assert.equal(localStorage.getItem(`tertulia.guest.${ROOM}`), null);
});

test("where the invite is refused as well, that is said", async () => {
  localStorage.setItem(`tertulia.guest.${ROOM}`, tokenOf("old"));
  status = () => 401;
  await assert.rejects(Guest.admission(ROOM, invited()), { code: "unauthorized" });
});

test("a guest is admitted by their own token, and by the invite before they have one", async () => {
  await Guest.admission(ROOM, invited());
  const token = tokenOf("old");
  localStorage.setItem(`tertulia.guest.${ROOM}`, token);
  await Guest.admission(ROOM, invited());
  assert.deepEqual(
    asked.map(({ credential }) => credential),
    ["invite", token],
  );
});

test("who was removed does not get another token in the meeting", async () => {
  const guest = await Guest.of(ROOM);
  await guest.enter(invited(), "Ana");
  status = () => 401;
  await assert.rejects(guest.renew("Ana"), { status: 401 });
  assert.equal(asked.filter(({ credential }) => credential === "invite").length, 1);
});

test("an expired token, and one for another room, are not even sent", async () => {
  localStorage.setItem(`tertulia.guest.${ROOM}`, tokenOf("old", -1));
  await Guest.admission(ROOM, invited());
  await (await Guest.of(ROOM)).enter(invited(), "Ana");
  assert.deepEqual(
    asked.map(({ credential }) => credential),
    ["invite", "invite"],
  );
});
