/** @import { EndReason } from "../protocol/hub.js" */
/** @import { TertuliaError } from "../protocol.js" */
import { brand } from "./brand.js";
import { h } from "./dom.js";

/** @type {Record<EndReason, [title: string, words: string, again: string]>} */
const WORDS = {
  left: ["You left the meeting", "It goes on without you for as long as others are there.", "Join again"],
  ended: ["The meeting has ended", "The host ended it for everyone.", ""],
  removed: ["You were removed", "The host took you out of the meeting.", ""],
  replaced: [
    "You are in the meeting elsewhere",
    "You joined again from another window or device, which took your place.",
    "Use this window instead",
  ],
  refused: ["You are no longer in the meeting", "", "Try again"],
};

/**
 * What is seen after a meeting.
 *
 * @param {EndReason} reason
 * @param {TertuliaError | null} error
 * @param {() => void} onAgain
 * @returns {HTMLElement}
 */
export function endedScreen(reason, error, onAgain) {
  const [title, words, again] = WORDS[reason];
  const heading = h("h1", { tabIndex: -1 }, title);
  queueMicrotask(() => heading.focus());
  return h(
    "div",
    { class: "ended" },
    h("header", { class: "page-header" }, brand("/")),
    h(
      "main",
      {},
      heading,
      h("p", { class: "lead" }, error ? explain(error) : words),
      h(
        "div",
        { class: "ended-actions" },
        again && h("button", { type: "button", class: "primary", onclick: onAgain }, again),
        h("a", { class: "secondary", href: "/" }, "To the start page"),
      ),
    ),
  );
}

/**
 * @param {TertuliaError} error
 * @returns {string} for people
 */
export function explain(error) {
  switch (error.code) {
    case "room_full":
      return "The meeting is full. Try again when someone has left.";
    case "role_not_allowed":
      return "This meeting does not admit guests. Ask the host for another link.";
    case "not_found":
      return "There is no such meeting. Check the link, or ask for a new one.";
    case "unauthorized":
    case "bad_token":
      return "This link is not valid, or not any more. Ask the host for a new one.";
    case "forbidden":
      return "You may not join this meeting with this link. Ask the host for another.";
    case "rate_limited":
      return "Too many tries at once. Wait a minute, then try again.";
    case "unreachable":
      return "The server does not answer. Check your connection and try again.";
    default:
      return error.message;
  }
}
