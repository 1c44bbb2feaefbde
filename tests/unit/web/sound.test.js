import assert from "node:assert/strict";
import { test } from "node:test";
import { Sound } from "../../../python/tertulia/web/static/view/sound.js";
import { settle } from "./settle.js";

/** An element that plays on the speaker `sinkId`; the one called "gone" is not there. */
class FakeElement {
  sinkId = "";
  append() {}
  setAttribute() {}
  play = async () => {};
  setSinkId = async (speaker) => {
    if (speaker === "gone") throw new DOMException("", "NotFoundError");
    this.sinkId = speaker;
  };
}

test("everyone is heard on the chosen speaker, also on the system's again", async () => {
  const made = [];
  const createElement = () => made[made.push(new FakeElement()) - 1];
  Object.assign(globalThis, { document: { createElement }, MediaStream: class {} });
  const sound = new Sound(() => {});
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
