/** @import { LinkState } from "../link.js" */

/** When nothing has come from the SFU for this long (STUN responses count), the path is dead. */
const SILENCE_MS = 5000;
/** The least time between two ICE restarts, so that a slow path gets its chance. */
const RESTART_PAUSE_MS = 3000;

/**
 * The network path to the SFU: notices that it is gone, whatever ICE believes, and asks for ICE restarts.
 */
export class Path {
  #pc;
  #onState;
  #onRestart;
  /** @type {LinkState} what was said last */
  #state = "connecting";
  #heardAt = performance.now();
  /** Since when there is no path; Infinity: there is one. */
  #downAt = performance.now();
  #restartedAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {RTCPeerConnection} pc
   * @param {object} listeners
   * @param {(state: LinkState) => void} listeners.onState
   * @param {() => void} listeners.onRestart an ICE restart has to be negotiated (RFC 8445, section 9)
   */
  constructor(pc, { onState, onRestart }) {
    this.#pc = pc;
    this.#onState = onState;
    this.#onRestart = onRestart;
    pc.oniceconnectionstatechange = () => this.#onIceState();
  }

  get isUp() {
    const state = this.#pc.iceConnectionState;
    return state === "connected" || state === "completed";
  }

  /** Whether another path is looked for, since nothing comes by the one there was. */
  get isInterrupted() {
    return this.#state === "interrupted";
  }

  /** @returns {number} milliseconds for which there has been no path; 0: there is one */
  get downFor() {
    return Math.max(0, performance.now() - this.#downAt);
  }

  /** @param {boolean} alive whether anything came from the SFU since the last call */
  check(alive) {
    if (alive) {
      this.#heardAt = performance.now();
      this.recover();
    } else if (performance.now() - this.#heardAt > SILENCE_MS) this.restart();
  }

  /** The first offer goes out: silence counts from here. */
  begin() {
    this.#heardAt = performance.now();
    this.#downAt = this.#heardAt;
  }

  /** Looks for another path to the same SFU. */
  restart() {
    clearTimeout(this.#retry);
    const pause = this.#restartedAt + RESTART_PAUSE_MS - performance.now();
    if (pause > 0) {
      this.#retry = setTimeout(() => !this.isUp && this.restart(), pause);
      return;
    }
    this.#restartedAt = performance.now();
    this.#become("interrupted");
    this.#onRestart();
  }

  /** Media goes on. A restart of a path that was good after all changes no state that the browser would report. */
  recover() {
    if (this.#state === "interrupted" && this.isUp) this.#become("connected");
  }

  close() {
    clearTimeout(this.#retry);
    this.#pc.oniceconnectionstatechange = null;
  }

  #onIceState() {
    const state = this.#pc.iceConnectionState;
    if (this.isUp) this.#downAt = Infinity;
    else if (this.#downAt === Infinity) this.#downAt = performance.now();
    if (this.isUp) {
      this.#heardAt = performance.now();
      this.#become("connected");
    } else if (state === "disconnected" || state === "failed") this.restart();
  }

  /** @param {LinkState} state */
  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#onState(state);
  }
}
