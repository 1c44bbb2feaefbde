/** @import { Meeting } from "../meeting.js" */
/** @import { Rest } from "../protocol.js" */

/** An invite that expires sooner is not sent to anybody any more. */
const LEAST_MS = 86_400_000;

/**
 * The invites that a host sends to others: one for all, as long as it is good. The tab keeps it, for the page that is
 * loaded again.
 */
export class Invites {
  #rest;
  #roomId;
  #key;
  #asked = Promise.resolve("");

  /**
   * @param {() => Promise<Rest>} rest the API, called as the host
   * @param {string} roomId
   */
  constructor(rest, roomId) {
    this.#rest = rest;
    this.#roomId = roomId;
    this.#key = `tertulia.made.${roomId}`;
  }

  /** @returns {Promise<string>} of an invite for attendees; the one made before, unless it was deleted or is old */
  link() {
    this.#asked = this.#asked.catch(() => "").then(() => this.#findOrMake()); // one after the other, or each would make one
    return this.#asked;
  }

  /** @returns {Promise<string | null>} of the one made before, unless it was deleted or is old; none is made for this */
  async known() {
    const kept = JSON.parse(sessionStorage.getItem(this.#key) ?? "null");
    return kept && (await this.#isGood(kept)) ? kept.url : null;
  }

  async #findOrMake() {
    const known = await this.known();
    if (known) return known;
    const { id, url, expiresAt } = await (await this.#rest()).invite(this.#roomId, "attendee");
    sessionStorage.setItem(this.#key, JSON.stringify({ id, url, expiresAt }));
    return url;
  }

  /** @param {{id: string, expiresAt: string}} made */
  async #isGood({ id, expiresAt }) {
    if (Date.parse(expiresAt) - Date.now() < LEAST_MS) return false;
    const rest = await this.#rest();
    return (await rest.invites(this.#roomId)).some((invite) => invite.id === id);
  }
}

/** How a member gets others into the meeting: a host by an invite, others by the link that they came by. */
export class Inviting {
  #meeting;
  #invites;
  #ownLink;

  /**
   * @param {Pick<Meeting, "role">} meeting
   * @param {Pick<Invites, "link" | "known">} invites
   * @param {string | null} ownLink by which others may come, too; null: it is for this member alone
   */
  constructor(meeting, invites, ownLink) {
    this.#meeting = meeting;
    this.#invites = invites;
    this.#ownLink = ownLink;
  }

  /** Whether there is a link to send. */
  get isPossible() {
    return this.#meeting.role === "host" || this.#ownLink !== null;
  }

  /** @returns {Promise<string>} the link to send; hosts make one if there is none yet */
  link() {
    return this.#meeting.role === "host" ? this.#invites.link() : Promise.resolve(this.#ownLink ?? "");
  }

  /** @returns {Promise<string | null>} the link to send, if there is one already */
  known() {
    return this.#meeting.role === "host" ? this.#invites.known() : Promise.resolve(this.#ownLink);
  }
}
