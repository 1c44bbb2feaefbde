/** @import { JoinGrant } from "./types.js" */

/** Seconds for which a room token, and the TURN credentials that came with it, must still be valid. */
const MARGIN_S = 90;

/** A member's room token and ICE servers: fetched by REST join, and again before they expire. */
export class Credentials {
  #fetch;
  /** @type {Promise<JoinGrant> | null} the latest */
  #grant = null;

  /** @param {() => Promise<JoinGrant>} fetch joins by REST */
  constructor(fetch) {
    this.#fetch = fetch;
  }

  /**
   * @param {boolean} [refused] the server no longer accepts the latest
   * @returns {Promise<JoinGrant>}
   */
  async current(refused = false) {
    const latest = await this.#grant?.catch(() => null);
    if (!latest || refused || !isFresh(latest)) this.#grant = this.#fetch();
    return /** @type {Promise<JoinGrant>} */ (this.#grant);
  }
}

/** @param {JoinGrant} grant */
function isFresh({ expiresAt }) {
  return Date.parse(expiresAt) - MARGIN_S * 1000 > Date.now();
}
