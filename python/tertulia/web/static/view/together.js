/** Time to read out one sentence. */
const APART_MS = 5000;

/**
 * Says what happens one sentence at a time: the first thing at once, and what follows soon after it together, so that
 * many at once neither flood the screen nor keep a screen reader talking.
 *
 * @template T
 */
export class Together {
  #tell;
  /** @type {T[]} what has happened since the last sentence */
  #since = [];
  /** @type {ReturnType<typeof setTimeout> | null} null: nothing was said for a while */
  #timer = null;

  /** @param {(things: T[]) => void} tell of at least one */
  constructor(tell) {
    this.#tell = tell;
  }

  /** @param {T} thing that has happened */
  add(thing) {
    this.#since.push(thing);
    if (this.#timer === null) this.#say();
  }

  close() {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #say() {
    this.#timer = null;
    if (this.#since.length === 0) return;
    const things = this.#since;
    this.#since = [];
    this.#timer = setTimeout(() => this.#say(), APART_MS);
    this.#tell(things);
  }
}
