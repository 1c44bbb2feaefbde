/** @import { Meeting } from "../meeting.js" */
import { preferences } from "./preferences.js";

/** @typedef {"came" | "left" | "hand" | "chat"} Chime */

/** Frequencies in Hz, one after the other: up for who comes, down for who leaves. */
const TONES = /** @type {Record<Chime, number[]>} */ ({
  came: [523.25, 783.99],
  left: [659.25, 440],
  hand: [587.33, 739.99, 880],
  chat: [987.77],
});
/** Seconds from one tone to the next, and until a tone has died away. */
const STEP = 0.11;
const RING = 0.35;
/** Of full scale: below a voice. */
const LOUDNESS = 0.09;

/** In a meeting with more people, sounds of who comes and goes would be noise. */
const SMALL_ROOM = 8;
/** So many comings and goings in a minute sound; the others do not. */
const MOST_A_MINUTE = 6;
const MINUTE_MS = 60_000;
/** The same sound twice at once is only louder. */
const APART_MS = 700;

/** Decides what is worth a sound. */
export class ChimeRules {
  /** @type {number[]} when somebody came or left, with or without a sound */
  #moves = [];
  /** @type {Map<Chime, number>} */
  #last = new Map();

  /**
   * @param {Chime} chime
   * @param {number} people in the meeting
   * @param {number} now milliseconds
   */
  allows(chime, people, now) {
    if (chime === "came" || chime === "left") {
      this.#moves = this.#moves.filter((at) => now - at < MINUTE_MS);
      // More than the last few would change nothing.
      if (this.#moves.length <= MOST_A_MINUTE) this.#moves.push(now);
      if (people > SMALL_ROOM || this.#moves.length > MOST_A_MINUTE) return false;
    }
    if (now - (this.#last.get(chime) ?? -Infinity) < APART_MS) return false;
    this.#last.set(chime, now);
    return true;
  }
}

/**
 * Short sounds for who comes and leaves, for raised hands and for chat, also while another window is in front: that is
 * when they are needed most. They are synthesized, so there is nothing to load.
 */
export class Chimes {
  #meeting;
  #isChatOpen;
  #rules = new ChimeRules();
  /** @type {AudioContext | null} */
  #context = null;
  #speaker = "";

  /**
   * @param {Meeting} meeting
   * @param {() => boolean} isChatOpen whether a new message is seen at once
   */
  constructor(meeting, isChatOpen) {
    this.#meeting = meeting;
    this.#isChatOpen = isChatOpen;
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    const { roster, chat } = this.#meeting;
    const isOther = (/** @type {{userId: string}} */ { userId }) => userId !== this.#meeting.userId;
    return [
      roster.on("joined", (member) => isOther(member) && this.#play("came")),
      roster.on("left", (member) => isOther(member) && this.#play("left")),
      roster.on("raised", (member) => isOther(member) && this.#play("hand")),
      chat.on("said", (message) => isOther(message) && !this.#isSeen() && this.#play("chat")),
      () => void this.#context?.close(),
    ];
  }

  /** @param {string} deviceId "" is the system default */
  setSpeaker(deviceId) {
    this.#speaker = deviceId;
    this.#direct();
  }

  #isSeen() {
    return this.#isChatOpen() && document.visibilityState === "visible";
  }

  /** @param {Chime} chime */
  #play(chime) {
    const isAllowed = this.#rules.allows(chime, this.#meeting.roster.all.length, performance.now());
    if (!isAllowed || !preferences().sounds) return;
    if (!this.#context) {
      this.#context = new AudioContext();
      this.#direct();
    }
    if (this.#context.state === "suspended") this.#context.resume().catch(() => {}); // it was closed meanwhile
    ring(this.#context, TONES[chime]);
  }

  #direct() {
    const context = /** @type {(AudioContext & {setSinkId?: (id: string) => Promise<void>}) | null} */ (this.#context);
    // A speaker that is gone, or a browser that cannot choose: the system's.
    context?.setSinkId?.(this.#speaker).catch(() => {});
  }
}

/**
 * @param {AudioContext} context
 * @param {number[]} tones
 */
function ring(context, tones) {
  for (const [i, frequency] of tones.entries()) {
    const at = context.currentTime + i * STEP;
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + RING);
    const tone = new OscillatorNode(context, { type: "sine", frequency });
    tone.connect(gain).connect(context.destination);
    tone.start(at);
    tone.stop(at + RING);
  }
}
