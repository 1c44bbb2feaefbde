/** @import { Key } from "../words/say.js" */
import { fill, h } from "../view/dom.js";
import { notice } from "../view/notices.js";
import { explain } from "../view/problem.js";
import { say } from "../words.js";

/** @type {Record<string, Key>} */
const WORDS = {
  already_recording: "record.already",
  forbidden: "call.forbidden",
  invalid: "meetings.invalid",
  no_session: "record.noSession",
  not_found: "call.missing",
  quota_exceeded: "meetings.quota",
  rate_limited: "problem.rate_limited",
  unreachable: "problem.unreachable",
};

/**
 * Says in plain words why something was not done.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function explainTrouble(error) {
  return explain(error, WORDS);
}

/** @param {unknown} error of what someone has asked for */
export function tell(error) {
  notice(explainTrouble(error));
}

/** A line that says what went wrong with reading, and a button to try again. */
export class Trouble {
  #words = h("span", {});
  #shown = "";

  /** @param {() => void} retry */
  constructor(retry) {
    const again = h("button", { type: "button", class: "text-button", onclick: retry }, say("action.retry"));
    this.element = h("p", { class: "trouble", role: "alert", hidden: true }, this.#words, " ", again);
  }

  /** @param {unknown} error */
  show(error) {
    const words = explainTrouble(error);
    if (words !== this.#shown) fill(this.#words, words);
    this.#shown = words;
    this.element.hidden = false;
  }

  hide() {
    this.#shown = "";
    this.element.hidden = true;
  }
}
