/** @import { ScreenContent } from "../media/sources.js" */
import { say } from "../words.js";
import { brand } from "./brand.js";
import { fill, h, label } from "./dom.js";
import { icon } from "./icons.js";

/** The bar on top of a meeting: how long we are in it, what is going on, and the way to invite others. */
export class Header {
  #clock = h("time", { class: "clock", title: say("meeting.clock") });
  #recording = h("span", { class: "recording", hidden: true }, say("meeting.recording"));
  /** What is wrong, in the words that stand there. */
  #said = "";
  #trouble = h("span", { role: "alert" });
  #help = h("button", { type: "button", class: "text-button", hidden: true }, say("meeting.whatToDo"));
  #banner = h("div", { class: "banner", hidden: true }, this.#trouble, this.#help);
  #sharing;
  #sharingWords = h("span", {});
  #joinedAt = Date.now();
  #timer;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.pager turns the pages of tiles
   * @param {() => void} parts.onInvite
   * @param {() => void} parts.onStopSharing
   * @param {ScreenContent} parts.content what our screens show
   * @param {(content: ScreenContent) => void} parts.onContent they show something else from now on
   * @param {() => void} parts.onHelp what to do about the trouble
   */
  constructor({ pager, onInvite, onStopSharing, content, onContent, onHelp }) {
    this.#help.onclick = onHelp;
    const stop = h(
      "button",
      { type: "button", class: "text-button", onclick: onStopSharing },
      say("meeting.stopSharing"),
    );
    const select = contentSelect(content, onContent);
    this.#sharing = h("div", { class: "sharing", hidden: true }, icon("screen"), this.#sharingWords, select, stop);
    this.element = h(
      "header",
      { class: "top" },
      h("h1", { class: "hidden" }, say("meeting.title")),
      brand(),
      this.#clock,
      this.#recording,
      this.#sharing,
      this.#banner,
      h("div", { class: "top-end" }, pager, inviteButton(onInvite)),
    );
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), 1000);
  }

  /**
   * @param {object} state
   * @param {boolean} state.isSharing
   * @param {boolean} state.hasSound whether what is shared has sound
   * @param {boolean} state.isRecording
   * @param {{words: string, cause: string, hasHelp: boolean}} state.trouble what is wrong with the connection; where
   *   nothing can be done, something is being tried
   */
  update({ isSharing, hasSound, isRecording, trouble: { words, cause, hasHelp } }) {
    this.#help.hidden = !hasHelp;
    this.#banner.classList.toggle("is-working", !hasHelp);
    this.#sharing.hidden = !isSharing;
    fill(this.#sharingWords, say(hasSound ? "meeting.sharingSound" : "meeting.sharing"));
    this.#recording.hidden = !isRecording;
    this.#banner.hidden = words === "";
    // The same text again would be read out again.
    if (this.#said !== words + cause) fill(this.#trouble, h("b", {}, words), " ", cause);
    this.#said = words + cause;
  }

  close() {
    clearInterval(this.#timer);
  }

  #tick() {
    fill(this.#clock, duration(Date.now() - this.#joinedAt));
  }
}

/**
 * @param {ScreenContent} content
 * @param {(content: ScreenContent) => void} onContent
 */
function contentSelect(content, onContent) {
  const select = h(
    "select",
    { onchange: () => onContent(/** @type {ScreenContent} */ (select.value)) },
    h("option", { value: "detail" }, say("screen.detail")),
    h("option", { value: "motion" }, say("screen.motion")),
  );
  select.value = content;
  label(select, say("screen.content"));
  return select;
}

/** @param {() => void} onInvite */
function inviteButton(onInvite) {
  const button = h(
    "button",
    { type: "button", class: "top-button invite", onclick: onInvite },
    icon("link"),
    h("span", {}, say("invite.short")),
  );
  label(button, say("invite.copy"), say("control.withKey", { label: say("invite.copy"), key: "I" }));
  return button;
}

/**
 * @param {number} ms
 * @returns {string} minutes and seconds, such as "4:05", or "1:04:05" after an hour
 */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, i) => (i ? String(part).padStart(2, "0") : String(part))).join(":");
}
