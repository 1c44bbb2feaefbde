import { UnreachableError } from "../protocol.js";

/**
 * Writes down what went wrong in a negotiation. It goes on: the next offer, or an ICE restart, mends it. That the
 * network was away is no news; the person is told by the connection's state.
 *
 * @param {unknown} error
 */
export function report(error) {
  if (!(error instanceof UnreachableError)) console.warn("Media negotiation:", error);
}
