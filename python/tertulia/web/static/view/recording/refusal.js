import { TertuliaError } from "../../protocol.js";

/**
 * Says in plain words why a recording did not start or stop.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function refusal(error) {
  if (!(error instanceof TertuliaError)) return String(error);
  switch (error.code) {
    case "forbidden":
      return "This meeting cannot be recorded: its settings do not allow it.";
    case "already_recording":
      return "This meeting is being recorded already.";
    case "no_session":
      return "There is nothing to record: the meeting is not running.";
    case "unreachable":
      return "The server did not answer. Try again.";
    default:
      return error.message;
  }
}
