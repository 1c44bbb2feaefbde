import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { MutedSpeech, Spells } from "../../../python/tertulia/web/static/media/muted_speech.js";
import { Emitter } from "../../../python/tertulia/web/static/protocol.js";
import { FakeAudioContext, fakeAudio } from "./fake_audio.js";
import { FakeClock } from "./fake_clock.js";
import { FakeTrack } from "./fake_media.js";

const [LOUD, QUIET] = [0.4, 0.01];

/** Hears a level every 50 ms; how often a spell began. */
function heard(spells, from, ms, level) {
  let begun = 0;
  for (let now = from; now < from + ms; now += 50) if (spells.hear(level, now)) begun++;
  return begun;
}

describe("a spell of speech", () => {
  test("begins with a word, and is one for as long as there are no long silences", () => {
    const spells = new Spells();
    let begun = 0;
    for (let sentence = 0; sentence < 20; sentence++) begun += heard(spells, sentence * 10_000, 3000, LOUD);
    assert.equal(begun, 1);
  });

  test("is another one after a silence", () => {
    const spells = new Spells();
    assert.equal(heard(spells, 0, 2000, LOUD) + heard(spells, 2000, 16_000, QUIET), 1);
    assert.equal(heard(spells, 18_000, 2000, LOUD), 1);
  });

  test("is no click, cough or quiet noise", () => {
    const spells = new Spells();
    let begun = 0;
    for (let at = 0; at < 60_000; at += 1000)
      begun += heard(spells, at, 300, LOUD) + heard(spells, at + 300, 700, QUIET);
    assert.equal(begun + heard(spells, 100_000, 10_000, QUIET), 0);
  });

  test("is heard through the gaps between syllables", () => {
    const spells = new Spells();
    let begun = 0;
    for (let at = 0; at < 1000; at += 200) begun += heard(spells, at, 100, LOUD) + heard(spells, at + 100, 100, QUIET);
    assert.equal(begun, 1);
  });
});

describe("listening while muted", () => {
  /** @type {FakeClock} */
  let clock;

  class Local extends Emitter {
    isMuted = true;
    mic = new FakeTrack("audio");

    device() {
      return this.mic;
    }
  }

  function setUp() {
    const local = new Local();
    local.mic.enabled = false;
    const state = { may: true, told: 0 };
    const speech = new MutedSpeech(local, { mayListen: () => state.may, onSpeech: () => state.told++ });
    const ends = speech.listen();
    const heardBy = () => FakeAudioContext.made.flatMap((c) => (c.state === "closed" ? [] : c.sources));
    return { local, state, speech, ends, heardBy };
  }

  beforeEach(() => {
    clock = new FakeClock();
    fakeAudio();
  });

  test("tells once, by a copy of the track that is not sent", async () => {
    const { local, state, heardBy } = setUp();
    assert.deepEqual([heardBy()[0].isCopy, heardBy()[0].enabled, local.mic.enabled], [true, true, false]);
    FakeAudioContext.level = 0.1;
    await clock.advance(5000);
    assert.equal(state.told, 1);
  });

  test("ends when we unmute, and the copy with it", async () => {
    const { local, state, heardBy } = setUp();
    const [copy] = heardBy();
    local.isMuted = false;
    local.emit("changed", null);
    FakeAudioContext.level = 0.1;
    await clock.advance(2000);
    assert.deepEqual([state.told, copy.readyState, heardBy().length, local.mic.readyState], [0, "ended", 0, "live"]);
  });

  test("does not begin where we may not unmute, or do not want it", () => {
    const { state, speech, heardBy } = setUp();
    state.may = false;
    speech.update();
    assert.equal(heardBy().length, 0);
    state.may = true;
    speech.update();
    assert.equal(heardBy().length, 1);
  });

  test("goes over to another microphone, and ends with the meeting", () => {
    const { local, ends, heardBy } = setUp();
    local.mic = new FakeTrack("audio");
    local.emit("track", { source: "microphone", track: local.mic });
    assert.equal(heardBy().length, 1);
    local.mic = null;
    local.emit("track", { source: "microphone", track: null });
    assert.equal(heardBy().length, 0);
    local.mic = new FakeTrack("audio");
    local.emit("changed", null);
    for (const end of ends) end();
    assert.equal(heardBy().length, 0);
  });
});
