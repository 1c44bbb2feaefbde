import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Credentials } from "../../../python/tertulia/web/static/protocol.js";
import { FakeClock } from "./fake_clock.js";

/** @type {FakeClock} */
let clock;

/** Grants that live for ten minutes, numbered. */
function setUp() {
  const fetched = { count: 0, fails: false };
  const credentials = new Credentials(async () => {
    if (fetched.fails) throw new Error("away");
    return { token: `t${++fetched.count}`, expiresAt: new Date(Date.now() + 600_000).toISOString() };
  });
  return { credentials, fetched };
}

beforeEach(() => {
  clock = new FakeClock();
});

test("a grant is fetched once and kept while it is valid for a while yet", async () => {
  const { credentials, fetched } = setUp();
  await credentials.current();
  await clock.advance(500_000);
  assert.equal((await credentials.current()).token, "t1");
  await clock.advance(20_000);
  assert.equal((await credentials.current()).token, "t2");
  assert.equal(fetched.count, 2);
});

test("one that was refused is replaced, however long it would be valid", async () => {
  const { credentials } = setUp();
  await credentials.current();
  assert.equal((await credentials.current(true)).token, "t2");
});

test("a failure is told, and the next call tries again", async () => {
  const { credentials, fetched } = setUp();
  fetched.fails = true;
  await assert.rejects(credentials.current(), /away/);
  fetched.fails = false;
  assert.equal((await credentials.current()).token, "t1");
});
