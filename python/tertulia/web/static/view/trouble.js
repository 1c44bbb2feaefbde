/** @import { Blockage } from "../media/blockage.js" */
/** @import { LinkReport, LinkState } from "../media/link.js" */
/** @import { Meeting } from "../meeting.js" */
/** @import { Key } from "../words/say.js" */
import { listOf, say } from "../words.js";

/** More people are not named where one has to take it in at a glance. */
const MOST_NAMED = 3;

/** @type {Record<NonNullable<Blockage["cause"]>, Key>} */
const CAUSES = { encryption: "blocked.encryption", unanswered: "blocked.unanswered" };

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

  /** Why no media flows; null: it does, or nobody knows. */
  get blockage() {
    return this.#blockage;
  }

  /** Whether something can be done about it. */
  get hasHelp() {
    return this.#blockage !== null && !this.isLost;
  }

  /** @returns {string} "": nothing is wrong */
  get words() {
    if (this.isLost) return say(this.#meeting.hub.isWaiting ? "lobby.asking" : "meeting.lost");
    if (this.#blockage) return say(this.#blockage.userIds.length ? "blocked.some" : "blocked.everyone");
    return this.#media === "interrupted" ? say("meeting.interrupted") : "";
  }

  /** @returns {string} what is behind it, in one sentence; "": that is all there is to say */
  get cause() {
    if (this.#blockage === null || !this.hasHelp || this.#blockage.userIds.length > MOST_NAMED) return "";
    return matterOf(this.#blockage, this.nameOf);
  }

  /** @param {string} userId of a member */
  nameOf = (userId) => this.#meeting.roster.get(userId)?.displayName ?? say("meeting.someone");

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

/**
 * Says in one sentence why no media flows.
 *
 * @param {Blockage} blockage
 * @param {(userId: string) => string} nameOf
 */
export function matterOf({ tried, userIds, cause }, nameOf) {
  if (cause) return say(CAUSES[cause]);
  const names = listOf(userIds.map(nameOf));
  if (tried.length > 0) return names ? say("blocked.people", { names }) : say("blocked.server");
  return names ? say("blocked.noWayToPeople", { names }) : say("blocked.noWayToServer");
}
