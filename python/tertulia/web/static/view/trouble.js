/** @import { LinkReport, LinkState } from "../media/link.js" */
/** @import { Meeting } from "../meeting.js" */
import { say } from "../words.js";
import { blockedBanner, blockedDialog } from "./blocked.js";

/** What is wrong with the connection to a meeting, in words. */
export class Trouble {
  #meeting;
  #onChange;
  /** @type {LinkState} */
  #media = "connecting";
  /** @type {LinkReport["blockage"]} */
  #blockage = null;

  /**
   * @param {Meeting} meeting
   * @param {() => void} onChange
   */
  constructor(meeting, onChange) {
    this.#meeting = meeting;
    this.#onChange = onChange;
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    return [
      this.#meeting.on("state", () => this.#onChange()),
      this.#meeting.on("waiting", () => this.#onChange()),
      this.#meeting.on("media", (state) => this.#onMedia(state)),
      this.#meeting.on("report", ({ blockage }) => this.#onBlockage(blockage)),
    ];
  }

  /** Whether the connection to the hub is lost. */
  get isLost() {
    return this.#meeting.hub.state === "reconnecting";
  }

  /** Whether something can be done about it: {@link explain}. */
  get hasHelp() {
    return this.#blockage !== null && !this.isLost;
  }

  /** @returns {string} "": nothing is wrong */
  get words() {
    if (this.isLost) return say(this.#meeting.hub.isWaiting ? "lobby.asking" : "meeting.lost");
    if (this.#blockage) return blockedBanner(this.#blockage);
    return this.#media === "interrupted" ? say("meeting.interrupted") : "";
  }

  /** Shows what was tried, and what to do. */
  explain() {
    const nameOf = (/** @type {string} */ userId) =>
      this.#meeting.roster.get(userId)?.displayName ?? say("meeting.someone");
    if (this.#blockage) blockedDialog(this.#blockage, nameOf);
  }

  /** @param {LinkState} state */
  #onMedia(state) {
    this.#media = state;
    if (state === "connected") this.#blockage = null;
    this.#onChange();
  }

  /** @param {LinkReport["blockage"]} blockage */
  #onBlockage(blockage) {
    const isNews = blockage !== null || this.#blockage !== null;
    // At times a new attempt has only just begun.
    const tried = new Set([...(this.#blockage?.tried ?? []), ...(blockage?.tried ?? [])]);
    this.#blockage = blockage && { ...blockage, tried: [...tried] };
    if (isNews) this.#onChange();
  }
}
