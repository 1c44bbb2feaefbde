/** @import { EntryView, JoinGrant } from "../protocol/types.js" */
import { claimsOf, newUuid, Rest, TertuliaError } from "../protocol.js";
import { claim, withDenial } from "./entry.js";

/**
 * Who came by an invite. An invite makes new users only, so a guest keeps their room token, in this browser, and comes
 * back with it; a second tab is a second guest.
 */
export class Guest {
  #roomId;
  #storage;
  #token;
  #userId;
  #name = "";

  /**
   * @param {string} roomId
   * @param {Storage} storage where the token is kept
   * @param {string} userId
   * @param {string | null} token null: they have not joined yet
   */
  constructor(roomId, storage, userId, token) {
    this.#roomId = roomId;
    this.#storage = storage;
    this.#userId = userId;
    this.#token = token;
  }

  /**
   * The guest of this tab: one that has been here before, unless another tab is that one.
   *
   * @param {string} roomId
   * @returns {Promise<Guest>}
   */
  static async of(roomId) {
    for (const storage of [localStorage, sessionStorage]) {
      const token = storage.getItem(keyOf(roomId));
      const userId = token && subjectOf(token, roomId);
      if (userId && (await claim(roomId, userId))) return new Guest(roomId, storage, userId, token);
      if (!userId) return new Guest(roomId, storage, newUuid(), null);
    }
    return new Guest(roomId, sessionStorage, newUuid(), null);
  }

  /**
   * Whether a guest may join now: by the token of an earlier visit, else by the invite. A token that is no longer good
   * is forgotten; but who was removed does not come back as somebody new.
   *
   * @param {string} roomId
   * @param {Rest} invited calls with the invite
   * @returns {Promise<EntryView>}
   * @throws {TertuliaError} as Rest.entry
   */
  static async admission(roomId, invited) {
    const token = localStorage.getItem(keyOf(roomId));
    if (!token || !subjectOf(token, roomId)) return invited.entry(roomId);
    try {
      return await new Rest(location.origin, token).entry(roomId);
    } catch (error) {
      if (!isStale(error)) throw refusalOf(error, token);
      localStorage.removeItem(keyOf(roomId));
      return invited.entry(roomId);
    }
  }

  /**
   * Enters the room: with the token of an earlier visit, else as a new guest.
   *
   * @param {Rest} invited calls with the invite
   * @param {string} displayName
   * @returns {Promise<JoinGrant>}
   * @throws {TertuliaError} as Rest.join
   */
  async enter(invited, displayName) {
    if (this.#token) {
      try {
        return await this.renew(displayName);
      } catch (error) {
        if (!isStale(error)) throw error;
        this.#token = null;
      }
    }
    if (this.#name !== displayName) this.#userId = newUuid(); // the request's key stands for one request
    this.#name = displayName;
    await claim(this.#roomId, this.#userId);
    return this.#keep(await invited.join(this.#roomId, this.#userId, displayName, this.#userId));
  }

  /**
   * Gets another token for the one this guest has. It is refused to who was removed.
   *
   * @param {string} displayName
   * @returns {Promise<JoinGrant>}
   */
  async renew(displayName) {
    const rest = new Rest(location.origin, this.#token);
    try {
      return this.#keep(await rest.join(this.#roomId, this.#userId, displayName));
    } catch (error) {
      throw refusalOf(error, this.#token ?? "");
    }
  }

  /** @param {JoinGrant} grant */
  #keep(grant) {
    this.#token = grant.token;
    this.#storage.setItem(keyOf(this.#roomId), grant.token);
    return grant;
  }
}

/** @param {unknown} error of a call by a guest's own token */
function isStale(error) {
  return error instanceof TertuliaError && error.isStale;
}

/**
 * @param {unknown} error of a call by a guest's own token
 * @param {string} token
 */
function refusalOf(error, token) {
  return error instanceof TertuliaError ? withDenial(error, claimsOf(token) ?? {}) : error;
}

/**
 * @param {string} token
 * @param {string} roomId
 * @returns {string} whose token it is; "" if it is not one for the room, or has expired
 */
function subjectOf(token, roomId) {
  const claims = claimsOf(token);
  if (claims?.room !== roomId || (claims.exp ?? 0) * 1000 <= Date.now()) return "";
  return claims.sub ?? "";
}

/** @param {string} roomId */
function keyOf(roomId) {
  return `tertulia.guest.${roomId}`;
}
