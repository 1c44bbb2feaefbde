/** Who speaks, and when the others did last. */
export class Speakers {
  /** @type {Set<string>} */
  #speaking = new Set();
  /** @type {Map<string, number>} when who speaks no more stopped */
  #stoppedAt = new Map();

  /**
   * @param {string[]} userIds who speaks from now on
   * @param {number} now milliseconds
   */
  set(userIds, now) {
    for (const userId of this.#speaking) this.#stoppedAt.set(userId, now);
    this.#speaking = new Set(userIds);
  }

  /**
   * Whether somebody speaks.
   *
   * @param {string} userId
   */
  has(userId) {
    return this.#speaking.has(userId);
  }

  /**
   * @param {string} userId
   * @param {number} now milliseconds
   * @returns {number} when they spoke last; -Infinity: never
   */
  spokeAt(userId, now) {
    return this.has(userId) ? now : (this.#stoppedAt.get(userId) ?? -Infinity);
  }
}
