/** @import { Meeting } from "../../meeting.js" */
/** @import { Rest } from "../../protocol.js" */
/** @import { RecordingState } from "../../protocol/recording.js" */
/** @import { TroubleReason } from "../../protocol/types.js" */
/** @import { RecordingChoices } from "../controls.js" */
import { confirmation } from "../dialogs.js";
import { clearNotices, notice } from "../notices.js";
import { refusal } from "./refusal.js";

const START_WORDS = [
  "Everyone in the meeting is told, and so is everyone who joins later.",
  "Sound, cameras and shared screens are recorded. Chat is not.",
  "Anyone can choose not to be recorded.",
  "The video is made after you stop. The hosts of this room can watch, download and delete it.",
];
const STOP_WORDS = [
  "The video will be ready some minutes later: under Recordings, after you leave and before you join again.",
];

/** @type {Record<TroubleReason, string>} */
const TROUBLE = {
  disk_full: "The server’s disk is full: nothing more is recorded. What was recorded before is kept.",
  disk_error: "The server cannot write the recording: nothing more is recorded. What was recorded before is kept.",
  disk_slow: "The server’s disk is too slow: parts of the recording are missing.",
};

/** @type {Record<RecordingState["is"], string>} */
const BUTTON = {
  off: "Record the meeting",
  starting: "Starting the recording…",
  on: "Stop recording",
  stopping: "Stopping the recording…",
};

/** Tells everyone of the recording, and lets them do about it what they may. */
export class RecordingControl {
  #meeting;
  #rest;
  #onChange;
  /** Whether the room's settings allow recordings. Until they are known, nothing is offered. */
  #isAllowed = false;
  /** @type {Set<TroubleReason>} what was said of this recording already: the server says it as often as it happens */
  #troubles = new Set();

  /**
   * @param {Meeting} meeting
   * @param {() => Promise<Rest>} rest the API, called as this member
   * @param {() => void} onChange what is offered has changed
   */
  constructor(meeting, rest, onChange) {
    this.#meeting = meeting;
    this.#rest = rest;
    this.#onChange = onChange;
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    const { recording } = this.#meeting;
    if (recording.isOn) this.#tell("This meeting is being recorded.");
    void this.#readSettings();
    return [
      recording.on("changed", ({ before, state }) => this.#onState(before, state)),
      recording.on("trouble", (reason) => this.#onTrouble(reason)),
    ];
  }

  /** @returns {RecordingChoices} */
  get choices() {
    const { recording, role, recordingOptOut } = this.#meeting;
    const { is } = recording.state;
    const mayRecord = role === "host" && (this.#isAllowed || recording.isOn);
    const record = mayRecord ? { words: BUTTON[is], isPending: is === "starting" || is === "stopping" } : null;
    const mayOptOut = this.#isAllowed || recording.isOn;
    const optOut = mayOptOut ? (recordingOptOut ? "Let me be recorded" : "Don’t record me") : null;
    return { isRecording: recording.isOn, record, optOut };
  }

  /** Starts or stops the recording, after asking. */
  async toggle() {
    const { recording } = this.#meeting;
    try {
      if (recording.state.is === "off") {
        const asked = { words: START_WORDS, isHarmless: true };
        if (await confirmation("Record this meeting?", "Start recording", asked)) await recording.start();
      } else if (recording.state.is === "on") {
        const asked = { words: STOP_WORDS, isHarmless: true };
        if (await confirmation("Stop the recording?", "Stop recording", asked)) await recording.stop();
      }
    } catch (error) {
      notice(refusal(error));
    }
  }

  /** @param {boolean} optOut */
  async setOptOut(optOut) {
    clearNotices("recording");
    try {
      await this.#meeting.setRecordingOptOut(optOut);
      notice(optOut ? "You are not recorded." : "You are recorded like the others.", { topic: "opt-out" });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notice(`This could not be changed. ${why}`, { topic: "opt-out", stays: true });
    }
  }

  /** Peer-to-peer media does not pass the server: it cannot be recorded there. */
  async #readSettings() {
    if (this.#meeting.topology === "p2p") return;
    try {
      const { settings } = await (await this.#rest()).room(this.#meeting.roomId);
      this.#isAllowed = settings.isRecordingEnabled;
    } catch {
      // The button is shown, and the server refuses in words what it does not allow.
      this.#isAllowed = true;
    }
    this.#onChange();
  }

  /**
   * @param {RecordingState["is"]} before
   * @param {RecordingState} state
   */
  #onState(before, state) {
    const wasOn = before === "on" || before === "stopping";
    if (state.is === "on" && !wasOn) {
      this.#troubles.clear();
      this.#tell("This meeting is being recorded now.");
    }
    if (state.is === "off" && wasOn) {
      clearNotices("recording");
      notice("The recording has stopped.", { topic: "recording" });
    }
    this.#onChange();
  }

  /** @param {string} words */
  #tell(words) {
    if (this.#meeting.recordingOptOut) return notice(`${words} You are not.`, { topic: "recording" });
    const action = { label: "Don’t record me", run: () => void this.setOptOut(true) };
    notice(`${words} Its hosts can watch it afterwards.`, { action, topic: "recording", stays: true });
  }

  /** @param {TroubleReason} reason */
  #onTrouble(reason) {
    if (this.#meeting.role !== "host" || this.#troubles.has(reason)) return;
    this.#troubles.add(reason);
    notice(TROUBLE[reason] ?? TROUBLE.disk_error, { topic: "recording-trouble", stays: true });
  }
}
