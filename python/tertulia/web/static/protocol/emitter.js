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
   * Calls every listener; one that throws does not keep the others from hearing.
   *
   * @template {keyof T} K
   * @param {K} name
   * @param {T[K]} payload
   */
  emit(name, payload) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(payload);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
