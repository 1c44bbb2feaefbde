/** @import { Hub } from "./hub.js" */
/** @import { JoinResult, Layout, TroubleReason } from "./types.js" */
import { Emitter } from "./emitter.js";

/**
 * Whether the meeting is recorded, as the server says; `starting` and `stopping` while our own call waits for its answer.
 *
 * @typedef {{is: "off"}
 *   | {is: "starting"}
 *   | {is: "on", recordingId: string}
 *   | {is: "stopping", recordingId: string}} RecordingState
 *
 * @typedef {object} RecordingEvents
 * @property {{before: RecordingState["is"], state: RecordingState}} changed
 * @property {TroubleReason} trouble what went wrong with the recording that is on
 */

/**
 * The recording of the meeting, kept up to date by the hub's events.
 *
 * @extends {Emitter<RecordingEvents>}
 */
export class Recording extends Emitter {
  #hub;
  /** @type {RecordingState} */
  #state = { is: "off" };

  /** @param {Pick<Hub, "on" | "call">} hub */
  constructor(hub) {
    super();
    this.#hub = hub;
    hub.on("joined", (result) => this.#onJoined(result));
    hub.on("RecordingChanged", ({ isRecording, recordingId }) => this.#heard(isRecording, recordingId));
    hub.on("RecordingTrouble", ({ reason }) => this.emit("trouble", reason));
  }

  /** @returns {RecordingState} */
  get state() {
    return this.#state;
  }

  /** Whether what is sent now is recorded. */
  get isOn() {
    return this.#state.is === "on" || this.#state.is === "stopping";
  }

  /**
   * Starts it. No effect unless it is off.
   *
   * @param {Layout} [layout] of the film
   * @throws {TertuliaError}
   */
  async start(layout) {
    if (this.#state.is !== "off") return;
    this.#become({ is: "starting" });
    try {
      const { recordingId } = await this.#hub.call("StartRecording", layout ? { layout } : {});
      if (this.#is("starting")) this.#become({ is: "on", recordingId });
    } catch (error) {
      if (this.#is("starting")) this.#become({ is: "off" });
      throw error;
    }
  }

  /**
   * Stops it. No effect unless it is on.
   *
   * @throws {TertuliaError}
   */
  async stop() {
    const state = this.#state;
    if (state.is !== "on") return;
    this.#become({ is: "stopping", recordingId: state.recordingId });
    try {
      await this.#hub.call("StopRecording", {});
      if (this.#is("stopping")) this.#become({ is: "off" });
    } catch (error) {
      if (this.#is("stopping")) this.#become(state);
      throw error;
    }
  }

  /** @param {RecordingState["is"]} is */
  #is(is) {
    return this.#state.is === is;
  }

  /** @param {JoinResult} result */
  #onJoined({ isRecording = false, recordingId }) {
    this.#heard(isRecording, recordingId);
  }

  /**
   * @param {boolean} isRecording
   * @param {string | null | undefined} recordingId
   */
  #heard(isRecording, recordingId) {
    const known = "recordingId" in this.#state ? this.#state.recordingId : null;
    const heard = isRecording ? (recordingId ?? "") : null;
    if (heard === known && this.#state.is !== "starting") return;
    this.#become(heard === null ? { is: "off" } : { is: "on", recordingId: heard });
  }

  /** @param {RecordingState} state */
  #become(state) {
    const before = this.#state.is;
    this.#state = state;
    this.emit("changed", { before, state });
  }
}
