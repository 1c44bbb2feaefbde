import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { TertuliaError } from "../../../python/tertulia/web/static/protocol.js";
import {
  claim,
  codeFrom,
  forgetDenial,
  forgetOpened,
  keepDenial,
  keepOpened,
  keepToken,
  keptCredential,
  openedBefore,
  pathFrom,
  withDenial,
} from "../../../python/tertulia/web/static/view/entry.js";

const CODE = "abcd-efgh-jkmn";
const ROOM = "6f1c0000-0000-4000-8000-000000000000";

class FakeStorage extends Map {
  getItem = (key) => this.get(key) ?? null;
  setItem = (key, value) => void this.set(key, value);
  removeItem = (key) => void this.delete(key);
}

beforeEach(() => {
  globalThis.location = { origin: "https://meet.example" };
  globalThis.sessionStorage = new FakeStorage();
  globalThis.localStorage = new FakeStorage();
});

test("who was denied is not told that they were removed, until they have been in", () => {
  const removed = new TertuliaError("unauthorized", "", { reason: "removed" });
  const stale = new TertuliaError("unauthorized", "");
  const ana = { sub: "ana", room: ROOM };
  assert.equal(withDenial(removed, ana), removed);
  keepDenial(ana);
  assert.equal(withDenial(removed, ana).code, "entry_denied");
  assert.equal(withDenial(stale, ana), stale);
  for (const other of [
    { sub: "ana", room: "another" },
    { sub: "ben", room: ROOM },
  ]) {
    assert.equal(withDenial(removed, other), removed);
  }
  forgetDenial(ana);
  assert.equal(withDenial(removed, ana), removed);
});

describe("short links", () => {
  test("have a code, in either case", () => {
    assert.equal(codeFrom(`/m/${CODE}`), CODE);
    assert.equal(codeFrom(`/m/${CODE.toUpperCase()}/`), CODE);
    for (const path of ["/m/", "/m/abcd-efgh", `/r/${CODE}`, "/m/abcd-efgh-jkl1", "/m/abcd-efgh-jkmn/x"]) {
      assert.equal(codeFrom(path), null, path);
    }
  });

  test("can be pasted: whole, or the code alone", () => {
    for (const text of [` https://meet.example/m/${CODE} `, `/m/${CODE}`, CODE.toUpperCase()]) {
      assert.equal(pathFrom(text), `/m/${CODE}`, text);
    }
    assert.equal(pathFrom(`https://meet.example/r/${ROOM}#invite=x`), `/r/${ROOM}#invite=x`);
    assert.equal(pathFrom("hello"), null);
  });

  test("are opened once in a tab", () => {
    assert.equal(openedBefore(CODE), null);
    const entry = keepOpened(CODE, { roomId: ROOM, inviteToken: "token" });
    assert.deepEqual(entry, {
      roomId: ROOM,
      credential: "token",
      kind: "invite",
      link: `https://meet.example/m/${CODE}`,
    });
    assert.deepEqual(openedBefore(CODE), entry);
    assert.equal(keptCredential(`/m/${CODE}`), "token");
    forgetOpened(CODE);
    assert.equal(openedBefore(CODE), null);
    assert.equal(keptCredential(`/m/${CODE}`), null);
  });

  test("what the tab has kept of a room is its token", () => {
    keepToken(ROOM, "mine");
    assert.equal(keptCredential(`/r/${ROOM}`), "mine");
    for (const path of ["", "/r/nonsense", "/test"]) assert.equal(keptCredential(path), null);
  });
});

test("where the browser keeps nothing of this site, a tab does not know of others", async () => {
  const request = () => Promise.reject(new Error("SecurityError"));
  Object.defineProperty(globalThis, "navigator", { value: { locks: { request } }, configurable: true });
  assert.equal(await claim(ROOM, "ana"), true);
});
