/** @import { Rest } from "../protocol.js" */

/** An invite that expires sooner is not sent to anybody any more. */
const LEAST_MS = 86_400_000;

/** The invites that a host sends to others: one for all, as long as it is good. */
export class Invites {
  #rest;
  #roomId;
  /** @type {Promise<{id: string, url: string, expiresAt: string}> | null} */
  #made = null;

  /**
   * @param {() => Promise<Rest>} rest the API, called as the host
   * @param {string} roomId
   */
  constructor(rest, roomId) {
    this.#rest = rest;
    this.#roomId = roomId;
  }

  /** @returns {Promise<string>} of an invite for attendees; the one made before, unless it was deleted or is old */
  async link() {
    const known = await this.#made?.catch(() => null);
    if (known && (await this.#isGood(known))) return known.url;
    this.#made = this.#rest().then((rest) => rest.invite(this.#roomId, "attendee"));
    return (await this.#made).url;
  }

  /** @param {{id: string, expiresAt: string}} made */
  async #isGood({ id, expiresAt }) {
    if (Date.parse(expiresAt) - Date.now() < LEAST_MS) return false;
    const rest = await this.#rest();
    return (await rest.invites(this.#roomId)).some((invite) => invite.id === id);
  }
}
