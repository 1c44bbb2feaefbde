import assert from "node:assert/strict";
import { test } from "node:test";
import { Sound } from "../../../python/tertulia/web/static/view/sound.js";
import { settle } from "./settle.js";

/** An element that plays on the speaker `sinkId`; the one called "gone" is not there. */
class FakeElement {
  sinkId = "";
  append() {}
  remove() {}
  setAttribute() {}
  play = async () => {};
  setSinkId = async (speaker) => {
    if (speaker === "gone") throw new DOMException("", "NotFoundError");
    this.sinkId = speaker;
  };
}

/** The storage of a tab. */
const kept = new Map();
Object.assign(globalThis, {
  sessionStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) },
  MediaStream: class {},
});

test("a volume is remembered over a reload, in its meeting", () => {
  const made = [];
  const createElement = () => made[made.push(new FakeElement()) - 1];
  Object.assign(globalThis, { document: { createElement } });
  const sound = new Sound("room", () => {});
  assert.equal(sound.volumeOf("ana"), 1);
  for (const [userId, volume] of Object.entries({ ana: 0.25, ben: 0, cleo: 0.5 })) sound.setVolume(userId, volume);
  const again = new Sound("room", () => {});
  assert.deepEqual(
    ["ana", "ben", "cleo", "dora"].map((userId) => again.volumeOf(userId)),
    [0.25, 0, 0.5, 1],
  );
  again.update([{ userId: "ana", kind: "audio", source: "microphone", track: {} }]);
  assert.equal(made.at(-1).volume, 0.25);
  assert.equal(new Sound("another room", () => {}).volumeOf("ana"), 1);
  again.setVolume("ana", 0.75);
  for (let i = 0; i < 99; i++) again.setVolume(`${i}`, 0.5);
  const full = new Sound("room", () => {});
  assert.deepEqual(
    ["ben", "ana", "98"].map((userId) => full.volumeOf(userId)),
    [1, 0.75, 0.5],
  );
});

test("what was kept and makes no sense is forgotten", () => {
  Object.assign(globalThis, { document: { createElement: () => new FakeElement() } });
  for (const text of ["{}", "no JSON", "null", "[1]", '[["ana", 7], ["ben", "loud"]]']) {
    kept.set("tertulia.volumes.room", text);
    const sound = new Sound("room", () => {});
    assert.deepEqual([sound.volumeOf("ana"), sound.volumeOf("ben")], [1, 1], text);
  }
});

test("everyone is heard on the chosen speaker, also on the system's again", async () => {
  const made = [];
  const createElement = () => made[made.push(new FakeElement()) - 1];
  Object.assign(globalThis, { document: { createElement } });
  const sound = new Sound("room", () => {});
  const track = (userId) => ({ userId, kind: "audio", source: "microphone", track: {} });
  const people = [track("ana"), track("ben")];
  const heardOn = async (speaker) => {
    sound.setSpeaker(speaker);
    await settle();
    return made.slice(1).map(({ sinkId }) => sinkId);
  };
  sound.update(people);
  assert.deepEqual(await heardOn("headset"), ["headset", "headset"]);
  sound.update([...people, track("cleo")]);
  assert.deepEqual(await heardOn("headset"), ["headset", "headset", "headset"]);
  assert.deepEqual(await heardOn("gone"), ["", "", ""]);
  assert.deepEqual(await heardOn("headset"), ["headset", "headset", "headset"]);
  assert.deepEqual(await heardOn(""), ["", "", ""]);
});
