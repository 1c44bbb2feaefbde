import { UnreachableError } from "../protocol.js";

/** Runs asynchronous steps one after the other. A step that fails is logged, and the next one runs all the same. */
export class Serial {
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /** @param {() => Promise<void>} step */
  run(step) {
    this.#last = this.#last.then(step).catch(logFailure);
  }
}

/**
 * Logs a failed step of a negotiation; the next offer, or an ICE restart, makes up for it. A lost network is not
 * logged: the person sees it by the connection's state.
 *
 * @param {unknown} error
 */
export function logFailure(error) {
  if (!(error instanceof UnreachableError)) console.warn("Media negotiation:", error);
}
