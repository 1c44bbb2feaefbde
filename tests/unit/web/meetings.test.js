import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { forgetKey, keepKey, keptKey } from "../../../python/tertulia/web/static/meetings/keys.js";
import { Poll } from "../../../python/tertulia/web/static/meetings/poll.js";
import { changeOf } from "../../../python/tertulia/web/static/meetings/room_form.js";
import { titleOf, whenOf } from "../../../python/tertulia/web/static/meetings/room_words.js";
import { merged, Rooms } from "../../../python/tertulia/web/static/meetings/rooms.js";
import { Rows } from "../../../python/tertulia/web/static/meetings/rows.js";
import { fetchSignedIn, goToProvider, takeAnswer } from "../../../python/tertulia/web/static/meetings/sign_in.js";
import { fromField, toField } from "../../../python/tertulia/web/static/view/moment_field.js";
import { plain } from "../../../python/tertulia/web/static/words.js";
import "./english.js";
import { settle } from "./settle.js";

/** @param {number} n the later, the higher */
const room = (n, more = {}) => ({ id: `r${n}`, createdAt: `2026-01-01T00:00:${String(n).padStart(2, "0")}Z`, ...more });
const ids = (rooms) => rooms.map(({ id }) => id);

/** A server with these rooms, two a page. */
class Server {
  constructor(...numbers) {
    this.rows = numbers.map((n) => room(n));
    this.asked = [];
  }

  async rooms({ status, cursor }) {
    this.asked.push([status, cursor]);
    const from = Number(cursor ?? 0);
    const items = this.rows.slice(from, from + 2);
    return { items, next: from + 2 < this.rows.length ? String(from + 2) : null };
  }
}

describe("the list of rooms", () => {
  test("is read page by page", async () => {
    const rooms = new Rooms(new Server(5, 4, 3, 2, 1));
    await rooms.refresh();
    assert.deepEqual([ids(rooms.known), rooms.hasMore], [["r5", "r4"], true]);
    await rooms.more();
    await rooms.more();
    assert.deepEqual([ids(rooms.known), rooms.hasMore], [["r5", "r4", "r3", "r2", "r1"], false]);
  });

  test("keeps older pages when the newest is read again", async () => {
    const server = new Server(5, 4, 3, 2, 1);
    const rooms = new Rooms(server);
    await rooms.refresh();
    await rooms.more();
    server.rows = [room(6), room(5), room(3), room(2), room(1)];
    await rooms.refresh();
    // r4 is gone, which the first page does not show: it ends with r5.
    assert.deepEqual([ids(rooms.known), rooms.hasMore], [["r6", "r5", "r4", "r3", "r2"], true]);
  });

  test("of another status passes over what was asked for before", async () => {
    const server = new Server(2, 1);
    const rooms = new Rooms(server);
    const before = rooms.refresh();
    rooms.choose("ACTIVE");
    assert.equal(await before, false);
    assert.deepEqual(rooms.known, []);
    assert.equal(await rooms.refresh(), true);
    assert.deepEqual(server.asked, [
      ["", undefined],
      ["ACTIVE", undefined],
    ]);
  });
});

test("the first page is right about all that is newer than its end", () => {
  const known = [5, 4, 3, 2].map((n) => room(n));
  assert.deepEqual(ids(merged(known, { items: [room(5), room(3)], next: "x" })), ["r5", "r3", "r2"]);
  assert.deepEqual(ids(merged(known, { items: [room(5)], next: null })), ["r5"]);
  assert.deepEqual(merged(known, { items: [], next: null }), []);
});

test("a form says what was changed, and nothing of the rest", () => {
  const before = { title: "Board", scheduledFor: null, settings: { locked: false, allowedRoles: ["host", "guest"] } };
  const now = (/** @type {object} */ more, settings = {}) => ({
    ...before,
    ...more,
    settings: { ...before.settings, allowedRoles: ["host", "guest"], ...settings },
  });
  assert.equal(changeOf(before, now({})), null);
  assert.deepEqual(changeOf(before, now({ title: null })), { title: null });
  assert.deepEqual(changeOf(before, now({}, { locked: true })), { settings: { locked: true } });
  assert.deepEqual(changeOf(before, now({ scheduledFor: "2031" }, { allowedRoles: ["host"] })), {
    scheduledFor: "2031",
    settings: { allowedRoles: ["host"] },
  });
});

describe("an API key", () => {
  const places = () => Object.assign(globalThis, { sessionStorage: new Place(), localStorage: new Place() });

  test("of the tab comes before that of the device, which stays", () => {
    places();
    keepKey("tk_device", true);
    keepKey("tk_tab", false);
    assert.equal(keptKey(), "tk_tab");
    forgetKey("tk_tab");
    assert.equal(keptKey(), "tk_device");
  });

  test("is forgotten by name: one that has taken its place stays", () => {
    places();
    keepKey("tk_new", true);
    forgetKey("tk_old");
    assert.equal(keptKey(), "tk_new");
    forgetKey("tk_new");
    assert.equal(keptKey(), null);
  });

  test("that is remembered is the one of this tab, too", () => {
    places();
    keepKey("tk_tab", false);
    keepKey("tk_device", true);
    assert.equal(keptKey(), "tk_device");
  });
});

describe("signing in", () => {
  const at = (/** @type {string} */ search) => {
    const replaced = [];
    Object.assign(globalThis, {
      location: { search, pathname: "/meetings", hash: "#nodes" },
      history: { replaceState: (_state, _title, address) => replaced.push(address) },
    });
    return [takeAnswer(), replaced];
  };

  test("says why it failed, once", () => {
    const failed = (/** @type {string} */ reason) => [{ reason, organisation: "" }, ["/meetings#nodes"]];
    assert.deepEqual(at("?sign-in=denied"), failed("signin.denied"));
    assert.deepEqual(at("?sign-in=<script>"), failed("signin.broken"));
    assert.deepEqual(at("?sign-in=toString"), failed("signin.broken"));
    assert.deepEqual(at("?organisation=acme"), [{ reason: null, organisation: "" }, []]);
  });

  test("takes the organization from a link elsewhere, for the button", () => {
    const asked = (/** @type {string} */ organisation) => [{ reason: null, organisation }, ["/meetings#nodes"]];
    assert.deepEqual(at("?sign-in=asked&organisation=a%26b"), asked("a&b"));
    assert.deepEqual(at("?sign-in=asked"), asked(""));
  });

  test("asks the server where to go", async (t) => {
    const gone = [];
    const before = globalThis.location;
    globalThis.location = { origin: "https://meet.example", assign: (url) => gone.push(url) };
    t.after(() => {
      globalThis.location = before;
    });
    const sent = t.mock.method(globalThis, "fetch", async () => Response.json({ url: "https://login.example/auth" }));
    await goToProvider("a&b");
    const [input, init] = sent.mock.calls[0].arguments;
    assert.deepEqual(
      [String(input), init.method, gone],
      ["https://meet.example/sign-in?organisation=a%26b", "POST", ["https://login.example/auth"]],
    );
    t.mock.method(globalThis, "fetch", async () => Response.json({ code: "rate_limited" }, { status: 429 }));
    await assert.rejects(goToProvider(""), { code: "rate_limited" });
    assert.equal(gone.length, 1);
  });

  test("calls by the cookie, which only this header makes count", async (t) => {
    const sent = t.mock.method(globalThis, "fetch", async () => new Response());
    await fetchSignedIn("/v1/rooms", { method: "POST", headers: { Accept: "x" } });
    const [input, init] = sent.mock.calls[0].arguments;
    assert.deepEqual(
      [input, init],
      ["/v1/rooms", { method: "POST", headers: { Accept: "x", Authorization: "Cookie" } }],
    );
  });
});

/** As much of a Storage as keys need. */
class Place extends Map {
  getItem(name) {
    return this.get(name) ?? null;
  }

  setItem(name, value) {
    this.set(name, value);
  }

  removeItem(name) {
    this.delete(name);
  }
}

describe("in words", () => {
  test("a room has its title, or none", () => {
    assert.equal(titleOf({ title: "Board" }), "Board");
    assert.equal(titleOf({ title: null }), "Meeting without a title");
  });

  test("a room is for a time, or was made at one", () => {
    const at = "2026-01-02T03:04:00Z";
    assert.match(plain(whenOf({ scheduledFor: at, createdAt: at })), /^Planned for January 2, 2026/);
    assert.match(plain(whenOf({ scheduledFor: null, createdAt: at })), /^Made January 2, 2026/);
  });

  test("a time goes into a field and comes back", () => {
    assert.equal(fromField(toField("2026-07-02T03:04:00.000Z")), "2026-07-02T03:04:00.000Z");
    assert.deepEqual([toField(null), fromField("")], ["", null]);
  });
});

describe("a poll", () => {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const turn = (state) => {
    page.visibilityState = state;
    page.dispatchEvent(new Event("visibilitychange"));
  };

  test("reads while the page is visible, one reading after the other", async (t) => {
    const { document } = globalThis;
    Object.assign(globalThis, { document: page });
    t.after(() => Object.assign(globalThis, { document }));
    mock.timers.enable({ apis: ["setTimeout"] });
    t.after(() => mock.timers.reset());
    let [read, under] = [0, 0];
    const poll = new Poll(async () => {
      assert.equal(++under, 1);
      read++;
      await settle();
      under--;
    }, 1000);
    await Promise.all([poll.now(), poll.now()]);
    assert.equal(read, 3);
    mock.timers.tick(1000);
    await settle();
    await settle();
    assert.equal(read, 4);
    turn("hidden");
    mock.timers.tick(5000);
    await settle();
    assert.equal(read, 4);
    turn("visible");
    await settle();
    assert.equal(read, 5);
    poll.close();
    turn("visible");
    mock.timers.tick(5000);
    await settle();
    assert.equal(read, 5);
  });
});

test("a row stays the same element while it says the same", () => {
  const list = new FakeList();
  const rows = new Rows(list);
  const row = (key, version) => ({ key, version, make: () => list.element(`${key}${version}`) });
  const shown = () => list.children.map(({ words }) => words);
  rows.show([row("a", 1), row("b", 1)]);
  const [a] = list.children;
  rows.show([row("c", 1), row("a", 1), row("b", 2)]);
  assert.deepEqual(shown(), ["c1", "a1", "b2"]);
  assert.equal(list.children[1], a);
  rows.show([row("b", 2), row("a", 1)]);
  assert.deepEqual(shown(), ["b2", "a1"]);
  rows.show([]);
  assert.deepEqual(shown(), []);
});

/** As much of an element as rows need. */
class FakeList {
  children = [];

  /** @param {string} words */
  element(words) {
    const element = {
      words,
      remove: () => {
        this.children = this.children.filter((child) => child !== element);
      },
      replaceWith: (other) => {
        this.children = this.children.map((child) => (child === element ? other : child));
      },
    };
    return element;
  }

  insertBefore(element, before) {
    element.remove();
    const at = before ? this.children.indexOf(before) : this.children.length;
    this.children.splice(at, 0, element);
  }
}
