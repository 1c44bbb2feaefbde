/** @import { Meeting } from "../../meeting.js" */
/** @import { Rest } from "../../protocol.js" */
/** @import { RecordingState } from "../../protocol/recording.js" */
/** @import { TroubleReason } from "../../protocol/types.js" */
/** @import { Key } from "../../words/say.js" */
/** @import { RecordingChoices } from "../controls.js" */
import { say } from "../../words.js";
import { confirmation } from "../dialog.js";
import { clearNotices, notice } from "../notices.js";
import { explainCall } from "../problem.js";
import { refusal } from "./refusal.js";

/** @type {Key[]} */
const START_WORDS = ["record.everyoneIsTold", "record.what", "record.choice", "record.after"];

/** @type {Record<TroubleReason, Key>} */
const TROUBLE = {
  disk_full: "record.diskFull",
  disk_error: "record.diskError",
  disk_slow: "record.diskSlow",
};

/** @type {Record<RecordingState["is"], Key>} */
const BUTTON = {
  off: "record.start",
  starting: "record.starting",
  on: "record.stop",
  stopping: "record.stopping",
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
    if (recording.isOn) this.#tell("record.isOn", "record.isOnNotYou");
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
    const record = mayRecord ? { words: say(BUTTON[is]), isPending: is === "starting" || is === "stopping" } : null;
    const mayOptOut = this.#isAllowed || recording.isOn;
    const optOut = mayOptOut ? say(recordingOptOut ? "record.optIn" : "record.optOut") : null;
    return { isRecording: recording.isOn, record, optOut };
  }

  /** Starts or stops the recording, after asking. */
  async toggle() {
    const { recording } = this.#meeting;
    try {
      if (recording.state.is === "off") {
        const asked = { words: START_WORDS.map((key) => say(key)), isHarmless: true };
        if (await confirmation(say("record.startQuestion"), say("record.startConfirm"), asked)) await recording.start();
      } else if (recording.state.is === "on") {
        const asked = { words: [say("record.ready")], isHarmless: true };
        if (await confirmation(say("record.stopQuestion"), say("record.stop"), asked)) await recording.stop();
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
      notice(say(optOut ? "record.optedOut" : "record.optedIn"), { topic: "opt-out" });
    } catch (error) {
      notice(say("record.notChanged", { why: explainCall(error) }), { topic: "opt-out", stays: true });
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
      this.#tell("record.begins", "record.beginsNotYou");
    }
    if (state.is === "off" && wasOn) {
      clearNotices("recording");
      notice(say("record.over"), { topic: "recording" });
    }
    this.#onChange();
  }

  /**
   * @param {Key} words
   * @param {Key} notYou for who has opted out
   */
  #tell(words, notYou) {
    if (this.#meeting.recordingOptOut) return notice(say(notYou), { topic: "recording" });
    const action = { label: say("record.optOut"), run: () => void this.setOptOut(true) };
    notice(say(words), { action, topic: "recording", stays: true });
  }

  /** @param {TroubleReason} reason */
  #onTrouble(reason) {
    if (this.#meeting.role !== "host" || this.#troubles.has(reason)) return;
    this.#troubles.add(reason);
    notice(say(TROUBLE[reason] ?? TROUBLE.disk_error), { topic: "recording-trouble", stays: true });
  }
}
