/** @import { Key } from "../../words/say.js" */
import { explain } from "../problem.js";

/** @type {Record<string, Key>} */
const WORDS = {
  forbidden: "record.forbidden",
  already_recording: "record.already",
  no_session: "record.noSession",
  unreachable: "record.unreachable",
  rate_limited: "problem.rate_limited",
};

/**
 * Says in plain words why a recording did not start or stop.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function refusal(error) {
  return explain(error, WORDS);
}
