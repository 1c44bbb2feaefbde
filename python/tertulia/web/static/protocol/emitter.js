/**
 * Typed events without a DOM: `T` maps each event's name to its payload.
 *
 * @template {object} T
 */
export class Emitter {
  /** @type {Map<keyof T, Set<(payload: any) => void>>} */
  #listeners = new Map();

  /**
   * @template {keyof T} K
   * @param {K} name
   * @param {(payload: T[K]) => void} listener
   * @returns {() => void} ends the subscription
   */
  on(name, listener) {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(listener));
    return () => void set.delete(listener);
  }

  /**
   * Calls every listener. One that throws does not keep the others from hearing; one that is removed meanwhile hears
   * nothing more.
   *
   * @template {keyof T} K
   * @param {K} name
   * @param {T[K]} payload
   */
  emit(name, payload) {
    const set = this.#listeners.get(name) ?? new Set();
    for (const listener of [...set]) {
      if (!set.has(listener)) continue;
      try {
        listener(payload);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
