/** @import { SfuConnection } from "./connection.js" */
/** @import { LinkState } from "../link.js" */

/** How often it is looked whether the new connection has everybody's media. */
const LOOK_MS = 100;
/** After this long with a path, the new connection is shown with what it has: somebody may have stopped sending. */
const ENOUGH_MS = 2500;
/** The server closes the old connection within ten seconds; this is for one that cannot. */
const LAST_MS = 15_000;

/**
 * From one SFU to another without a gap: the old connection goes on sending, for those who are still there, and is shown
 * until the same media comes by the new one.
 */
export class Handover {
  /** @type {ReturnType<typeof setInterval>} */
  #look;
  /** @type {ReturnType<typeof setTimeout>} */
  #last;
  /** When the new connection had a path. */
  #connectedAt = Infinity;
  /** Whether the new connection is shown. */
  isShown = false;

  /**
   * @param {object} between
   * @param {string} between.transportId of the old connection
   * @param {SfuConnection} between.old
   * @param {SfuConnection} between.next
   * @param {() => void} between.onShown the new connection is shown from now on
   * @param {() => void} between.onLast the old one is of no use any more
   */
  constructor({ transportId, old, next, onShown, onLast }) {
    this.transportId = transportId;
    this.old = old;
    this.#look = setInterval(() => this.#lookAt(next, onShown), LOOK_MS);
    this.#last = setTimeout(onLast, LAST_MS);
  }

  /** @param {LinkState} state of the new connection */
  onState(state) {
    if (state === "connected") this.#connectedAt = Math.min(this.#connectedAt, performance.now());
  }

  /** The old connection is closed. */
  end() {
    clearInterval(this.#look);
    clearTimeout(this.#last);
    this.isShown = true;
    this.old.close();
  }

  /**
   * @param {SfuConnection} next
   * @param {() => void} onShown
   */
  #lookAt(next, onShown) {
    const waited = performance.now() - this.#connectedAt;
    if (waited < 0 || (waited < ENOUGH_MS && !next.carries(this.old.tracks()))) return;
    clearInterval(this.#look);
    this.isShown = true;
    onShown();
  }
}
