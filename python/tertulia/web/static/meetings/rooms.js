/** @import { Rest } from "../protocol.js" */
/** @import { Room, RoomStatus } from "../protocol/types.js" */

/** The tenant's rooms, page by page, the newest first. */
export class Rooms {
  #rest;
  /** @type {RoomStatus | ""} */
  #status = "";
  /** @type {string | null} */
  #next = null;
  /** Counts the choices: an answer to an earlier one is passed over. */
  #choice = 0;
  /** @type {Room[]} */
  #known = [];

  /** @param {Pick<Rest, "rooms">} rest */
  constructor(rest) {
    this.#rest = rest;
  }

  /** @returns {Room[]} what has been read */
  get known() {
    return this.#known;
  }

  /** @returns {boolean} whether there are more */
  get hasMore() {
    return this.#next !== null;
  }

  /** @param {RoomStatus | ""} status to be read from now on; "": all */
  choose(status) {
    this.#choice++;
    this.#status = status;
    this.#next = null;
    this.#known = [];
  }

  /**
   * Reads the newest again; what was read of the older ones stays.
   *
   * @returns {Promise<boolean>} false: meanwhile something else was chosen
   */
  async refresh() {
    const choice = this.#choice;
    const page = await this.#rest.rooms({ status: this.#status });
    if (choice !== this.#choice) return false;
    const isOnlyPage = this.#known.length <= page.items.length;
    this.#known = merged(this.#known, page);
    if (isOnlyPage || page.next === null) this.#next = page.next;
    return true;
  }

  /**
   * Reads the next page.
   *
   * @returns {Promise<boolean>} false: meanwhile something else was chosen
   */
  async more() {
    const choice = this.#choice;
    const page = await this.#rest.rooms({ status: this.#status, cursor: this.#next });
    if (choice !== this.#choice) return false;
    const ids = new Set(this.#known.map(({ id }) => id));
    this.#known = [...this.#known, ...page.items.filter(({ id }) => !ids.has(id))];
    this.#next = page.next;
    return true;
  }
}

/**
 * What is known once the first page has been read again: it is right about all that is newer than its end.
 *
 * @param {Room[]} known
 * @param {{items: Room[], next: string | null}} first
 * @returns {Room[]}
 */
export function merged(known, { items, next }) {
  const last = items.at(-1);
  if (next === null || !last) return items;
  const ids = new Set(items.map(({ id }) => id));
  return [...items, ...known.filter((room) => !ids.has(room.id) && isBehind(room, last))];
}

/**
 * @param {Room} room
 * @param {Room} other
 */
function isBehind(room, other) {
  if (room.createdAt !== other.createdAt) return room.createdAt < other.createdAt;
  return room.id < other.id;
}
