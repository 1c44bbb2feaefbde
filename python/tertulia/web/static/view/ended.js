/** @import { EndReason } from "../protocol/hub.js" */
/** @import { TertuliaError } from "../protocol.js" */
/** @import { Key } from "../words/say.js" */
import { say } from "../words.js";
import { messageScreen } from "./message.js";
import { explainEntry } from "./problem.js";

/** @type {Record<EndReason, {title: Key, words?: Key, again?: Key}>} */
const WORDS = {
  left: { title: "ended.left", words: "ended.leftLead", again: "ended.joinAgain" },
  ended: { title: "ended.over", words: "ended.overLead" },
  removed: { title: "ended.removed", words: "ended.removedLead" },
  replaced: { title: "ended.replaced", words: "ended.replacedLead", again: "ended.useThis" },
  refused: { title: "ended.refused", again: "action.retry" },
};

/**
 * What is wrong with a link, by the code of the error.
 *
 * @type {Record<string, Key>}
 */
const TITLES = {
  room_full: "refused.full",
  quota_exceeded: "refused.full",
  room_locked: "refused.locked",
  not_found: "refused.unknown",
  unauthorized: "refused.badLink",
  unreachable: "refused.unreachable",
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
  const { title, words, again } = WORDS[reason];
  const lead = error ? explainEntry(error) : words ? say(words) : "";
  return messageScreen(say(title), lead, again ? { label: say(again), run: onAgain } : null, recordings);
}

/**
 * The screen of a link by which one cannot join now.
 *
 * @param {TertuliaError} error
 * @param {() => void} onAgain
 * @returns {HTMLElement}
 */
export function refusedScreen(error, onAgain) {
  if (error.reason === "removed") return endedScreen("removed", null, onAgain, null);
  const title = say(TITLES[error.code] ?? "refused.other");
  return messageScreen(title, explainEntry(error), { label: say("action.retry"), run: onAgain });
}

/** The screen of an address that leads nowhere. */
export function lostScreen() {
  return messageScreen(say("ended.lost"), say("ended.lostLead"), null);
}
