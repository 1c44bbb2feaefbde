import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { arrange, chooseSeen } from "../../../python/tertulia/web/static/view/arrangement.js";

const AREA = { width: 1248, height: 660 };
const PHONE = { width: 374, height: 690 };
const FRESH = { seen: [], speaker: "" };
const NOW = 100_000;
const WISHES = { layout: "auto", pinned: "", hidesSelf: false, page: 0 };

const person = (userId, state = {}) => ({
  userId,
  isSelf: false,
  handRaised: false,
  hasCamera: false,
  spokeAt: -Infinity,
  ...state,
});
const ME = person("me", { isSelf: true });
const share = (userId, since, isSelf = false) => ({ userId, since, isSelf });
const crowd = (count) => Array.from({ length: count }, (_, i) => person(`u${i}`));
const arranged = (people, shares = [], wishes = {}, memory = FRESH, area = AREA) =>
  arrange({ people, shares }, { ...WISHES, ...wishes }, area, memory, NOW);
const keys = ({ placed }) => placed.map(({ item }) => item.key);
const areaOf = ({ rect }) => rect.width * rect.height;

describe("shared screens", () => {
  test("each has a tile, the latest is large", () => {
    const found = arranged([person("a"), person("b"), ME], [share("a", 1), share("b", 2)]);
    assert.deepEqual(keys(found), ["b/screen", "a/screen", "a/camera", "b/camera", "me/camera"]);
    assert.ok(found.placed.slice(1).every((tile) => areaOf(tile) < areaOf(found.placed[0])));
  });

  test("keep their tiles while someone is pinned", () => {
    const found = arranged([person("a"), person("b"), ME], [share("a", 1)], { pinned: "b/camera" });
    assert.deepEqual(keys(found), ["b/camera", "a/screen", "a/camera", "me/camera"]);
  });

  test("whoever is in the spotlight is large, unless a screen is or somebody is pinned", () => {
    const people = [person("a"), person("b", { isSpotlit: true }), { ...ME, isSpotlit: true }];
    assert.equal(keys(arranged(people))[0], "b/camera");
    assert.equal(keys(arranged(people, [], { layout: "grid" }))[0], "b/camera");
    assert.equal(keys(arranged(people, [share("a", 1)]))[0], "a/screen");
    assert.equal(keys(arranged(people, [], { pinned: "a/camera" }))[0], "a/camera");
    assert.equal(arranged([person("a"), { ...ME, isSpotlit: true }]).hasStage, false);
  });

  test("one's own has a tile, and is not large", () => {
    const found = arranged([person("a"), ME], [share("me", Infinity, true)]);
    assert.equal(found.hasStage, false);
    assert.deepEqual(keys(found), ["me/screen", "a/camera", "me/camera"]);
  });

  test("come before people where there is little space", () => {
    const found = arranged([...crowd(20), ME], [share("u0", 1), share("u1", 2)], {}, FRESH, PHONE);
    assert.deepEqual(keys(found).slice(0, 2), ["u1/screen", "u0/screen"]);
  });
});

describe("pages", () => {
  for (const area of [AREA, PHONE, { width: 812, height: 230 }]) {
    test(`everyone is on one of them, once, in ${area.width} × ${area.height}`, () => {
      for (const [count, pinned] of [1, 5, 24, 25, 26, 60].flatMap((n) => [
        [n, ""],
        [n, "u0/camera"],
      ])) {
        const people = [...crowd(count), ME];
        const { pages } = arranged(people, [], { pinned }, FRESH, area);
        const found = Array.from({ length: pages }, (_, page) =>
          keys(arranged(people, [], { pinned, page }, FRESH, area)),
        );
        const all = found.flatMap((page) => page.filter((key) => key !== pinned)).filter((key) => key !== "me/camera");
        assert.deepEqual(
          all.sort(),
          people
            .slice(0, -1)
            .map((p) => `${p.userId}/camera`)
            .filter((k) => k !== pinned)
            .sort(),
        );
      }
    });
  }

  test("the page turned to is one that there is", () => {
    assert.equal(arranged(crowd(60), [], { page: 99 }).page, 2);
    assert.equal(arranged(crowd(3), [], { page: 1 }).page, 0);
  });

  test("on a later page raised hands come first, then speakers, then cameras", () => {
    const people = [...crowd(25), person("x"), person("y"), person("z")];
    const seen = crowd(25).map(({ userId }) => userId);
    people[20] = person("u20");
    const hands = people.map((p) => (seen.includes(p.userId) ? { ...p, handRaised: true, spokeAt: NOW } : p));
    hands[25] = person("x", { hasCamera: true });
    hands[26] = person("y", { handRaised: true });
    hands[27] = person("z", { spokeAt: NOW - 100 });
    assert.deepEqual(keys(arranged(hands, [], { page: 1 }, { seen, speaker: "" })), [
      "y/camera",
      "z/camera",
      "x/camera",
    ]);
  });
});

describe("layouts", () => {
  const people = [person("a", { spokeAt: NOW - 5000 }), person("b", { spokeAt: NOW - 100 }), ME];

  test("speaker: whoever speaks, alone", () => {
    assert.deepEqual(keys(arranged(people, [], { layout: "speaker" })), ["b/camera"]);
  });

  test("speaker: shared screens that are not large are beside, one's own too, on pages if need be", () => {
    const mine = share("me", Infinity, true);
    const shares = [share("a", 1), share("b", 2), mine];
    const among = (list, wishes, area) => {
      const found = arranged(people, list, { layout: "speaker", ...wishes }, FRESH, area);
      return [keys(found), found.pages];
    };
    assert.deepEqual(among(shares, { pinned: "a/camera" }), [["a/camera", "a/screen", "b/screen", "me/screen"], 1]);
    assert.deepEqual(among(shares), [["b/screen", "a/screen", "me/screen"], 1]);
    assert.deepEqual(among([mine]), [["b/camera", "me/screen"], 1]);
    assert.deepEqual(among(shares, { pinned: "a/camera" }, PHONE), [["a/camera", "a/screen", "b/screen"], 2]);
    assert.deepEqual(among(shares, { pinned: "a/camera", page: 1 }, PHONE), [["a/camera", "me/screen"], 2]);
  });

  test("sidebar: whoever speaks is large, the others are beside", () => {
    assert.deepEqual(keys(arranged(people, [], { layout: "sidebar" })), ["b/camera", "a/camera", "me/camera"]);
  });

  test("a pause for breath does not lose the floor", () => {
    const talk = [person("a", { spokeAt: NOW - 1500 }), person("b", { spokeAt: NOW }), ME];
    assert.deepEqual(keys(arranged(talk, [], { layout: "speaker" }, { seen: [], speaker: "a" })), ["a/camera"]);
    const quiet = [person("a", { spokeAt: NOW - 2500 }), person("b", { spokeAt: NOW }), ME];
    assert.deepEqual(keys(arranged(quiet, [], { layout: "speaker" }, { seen: [], speaker: "a" })), ["b/camera"]);
  });

  test("grid: a shared screen is a tile like the others", () => {
    const found = arranged(people, [share("a", 1)], { layout: "grid" });
    assert.equal(found.hasStage, false);
    assert.equal(new Set(found.placed.map((tile) => Math.round(areaOf(tile)))).size, 1);
  });

  test("who hides themselves has no tile", () => {
    assert.deepEqual(keys(arranged(people, [], { hidesSelf: true })), ["a/camera", "b/camera"]);
  });

  test("alone, every layout shows oneself", () => {
    for (const layout of ["auto", "grid", "speaker", "sidebar"]) {
      assert.deepEqual(keys(arranged([ME], [], { layout })), ["me/camera"]);
    }
  });
});

test("while a speaker is alone, who had a tile keeps it", () => {
  const memory = { seen: ["u20", "u21"], speaker: "u3" };
  assert.deepEqual(arranged(crowd(25), [], { layout: "speaker" }, memory).memory, memory);
});

describe("who is seen", () => {
  const seen = (people, before, places) => chooseSeen(people, before, NOW, places);

  test("those who were seen stay in place when others come or go", () => {
    assert.deepEqual(
      seen(
        ["a", "b", "c", "d"].map((id) => person(id)),
        ["c", "a"],
        3,
      ),
      ["c", "a", "b"],
    );
    assert.deepEqual(
      seen(
        ["a", "d"].map((id) => person(id)),
        ["c", "a", "b"],
        3,
      ),
      ["a", "d"],
    );
  });

  test("a speaker takes the tile of the one silent longest", () => {
    const people = [person("a", { spokeAt: NOW - 7000 }), person("b", { spokeAt: NOW - 9000 }), person("c")];
    assert.deepEqual(seen([...people, person("d", { spokeAt: NOW })], ["a", "b"], 2), ["a", "d"]);
  });

  test("two who talk with each other do not take turns in one tile", () => {
    const people = [person("a", { spokeAt: NOW - 2000 }), person("b", { spokeAt: NOW })];
    assert.deepEqual(seen(people, ["a"], 1), ["a"]);
  });

  test("a raised hand comes before speech, speech before a camera, a camera before nothing", () => {
    const [hand, voice] = [person("h", { handRaised: true }), person("v", { spokeAt: NOW })];
    const [camera, nothing] = [person("c", { hasCamera: true }), person("n")];
    assert.deepEqual(seen([nothing, camera], ["n"], 1), ["c"]);
    assert.deepEqual(seen([camera, voice], ["c"], 1), ["v"]);
    assert.deepEqual(seen([voice, hand], ["v"], 1), ["h"]);
    assert.deepEqual(seen([nothing, camera, voice, hand], [], 2), ["h", "v"]);
    assert.deepEqual(seen([hand, person("s", { isSpotlit: true })], ["h"], 1), ["s"], "the spotlight before all");
  });

  test("who has no better claim displaces nobody", () => {
    assert.deepEqual(
      seen(
        ["a", "b", "c"].map((id) => person(id)),
        ["b"],
        1,
      ),
      ["b"],
    );
  });
});
