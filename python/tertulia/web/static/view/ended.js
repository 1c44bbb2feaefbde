/** @import { EndReason } from "../protocol/hub.js" */
/** @import { TertuliaError } from "../protocol.js" */
import { messageScreen } from "./message.js";

/** @type {Record<EndReason, [title: string, words: string, again: string]>} */
const WORDS = {
  left: ["You left the meeting", "The others can go on without you.", "Join again"],
  ended: ["The meeting has ended", "The host ended it for everyone.", ""],
  removed: ["You were removed", "The host removed you from the meeting.", ""],
  replaced: [
    "You joined from somewhere else",
    "You are now in the meeting from another window or device.",
    "Use this window instead",
  ],
  refused: ["You are no longer in the meeting", "", "Try again"],
};

/**
 * What is wrong with a link, by the code of the error.
 *
 * @type {Record<string, string>}
 */
const TITLES = {
  room_full: "The meeting is full",
  not_found: "There is no such meeting",
  unauthorized: "This link does not work",
  unreachable: "The server does not answer",
};

/**
 * The screen after a meeting.
 *
 * @param {EndReason} reason
 * @param {TertuliaError | null} error
 * @param {() => void} onAgain
 * @param {HTMLElement | null} recordings of the room, for its hosts
 * @returns {HTMLElement}
 */
export function endedScreen(reason, error, onAgain, recordings) {
  const [title, words, again] = WORDS[reason];
  return messageScreen(
    title,
    error ? explain(error) : words,
    again ? { label: again, run: onAgain } : null,
    recordings,
  );
}

/**
 * The screen of a link by which one cannot join now.
 *
 * @param {TertuliaError} error
 * @param {() => void} onAgain
 * @returns {HTMLElement}
 */
export function refusedScreen(error, onAgain) {
  const title = TITLES[error.code] ?? "You cannot join this meeting";
  return messageScreen(title, explain(error), { label: "Try again", run: onAgain });
}

/** The screen of an address that leads nowhere. */
export function lostScreen() {
  const words = "The address is mistyped, or the link was cut off on its way. Ask for the link again, or start anew.";
  return messageScreen("There is no such page", words, null);
}

/**
 * Says in plain words what an error means.
 *
 * @param {TertuliaError} error
 * @returns {string} for people
 */
export function explain(error) {
  switch (error.code) {
    case "room_full":
      return "The meeting is full. Try again after someone has left.";
    case "role_not_allowed":
      return "Guests cannot join this meeting. Ask the host for another link.";
    case "not_found":
      return "This meeting does not exist. Check the link, or ask for a new one.";
    case "unauthorized":
    case "bad_token":
      return "This link is invalid or has expired. Ask the host for a new one.";
    case "forbidden":
      return "You cannot join this meeting with this link. Ask the host for another one.";
    case "rate_limited":
      return "Too many attempts. Wait a minute, then try again.";
    case "unreachable":
      return "The server does not answer. Check your connection and try again.";
    default:
      return error.message;
  }
}
