/** @import { Key } from "../words/say.js" */
import { TertuliaError } from "../protocol.js";
import { say } from "../words.js";

/**
 * Why one cannot enter a room, by the code of the error, or by the reason that it gives.
 *
 * @type {Record<string, Key>}
 */
const ENTRY = {
  room_full: "problem.room_full",
  room_locked: "problem.room_locked",
  entry_denied: "problem.entry_denied",
  ended: "problem.ended",
  already_joined: "problem.waits_elsewhere",
  waited_too_long: "problem.waited_too_long",
  waiting_room_full: "problem.waiting_room_full",
  quota_exceeded: "problem.quota_exceeded",
  role_not_allowed: "problem.role_not_allowed",
  not_found: "problem.not_found",
  unauthorized: "problem.badLink",
  bad_token: "problem.badLink",
  forbidden: "problem.forbidden",
  removed: "ended.removedLead",
  wrong_password: "password.wrong",
  rate_limited: "problem.rate_limited",
  unavailable: "problem.unavailable",
  unreachable: "problem.unreachable",
};

/**
 * Why something was not done in a meeting.
 *
 * @type {Record<string, Key>}
 */
const CALL = {
  forbidden: "call.forbidden",
  unknown_target: "call.gone",
  not_found: "call.missing",
  not_joined: "call.disconnected",
  rate_limited: "problem.rate_limited",
  unavailable: "problem.unavailable",
  unreachable: "problem.unreachable",
};

/**
 * Says in plain words why one cannot enter a room.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function explainEntry(error) {
  return explain(error, ENTRY);
}

/**
 * Says in plain words why a call of a member was not done.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function explainCall(error) {
  return explain(error, CALL);
}

/**
 * @param {unknown} error
 * @param {Record<string, Key>} words by code, or by reason
 */
export function explain(error, words) {
  const { code, reason } = error instanceof TertuliaError ? error : { code: "internal", reason: "" };
  const key = words[reason] ?? words[code];
  return key ? say(key) : say("problem.other", { code });
}
