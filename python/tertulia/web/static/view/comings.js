/** Who comes within so many milliseconds of the last one is told together with them. */
const TOGETHER_MS = 5000;

/** Says who came (or left) of late in one sentence, so that many at once do not cover the meeting with notices. */
export class Comings {
  #verb;
  /** @type {string[]} the newest first */
  #names = [];
  #at = -Infinity;

  /** @param {string} verb such as "joined" */
  constructor(verb) {
    this.#verb = verb;
  }

  /**
   * @param {string} name of one more
   * @param {number} now milliseconds
   * @returns {string} the sentence that takes the place of the last one
   */
  tell(name, now) {
    if (now - this.#at > TOGETHER_MS) this.#names = [];
    this.#at = now;
    this.#names.unshift(name);
    const [newest, second, third, ...rest] = this.#names;
    if (!second) return `${newest} ${this.#verb}`;
    if (!third) return `${second} and ${newest} ${this.#verb}`;
    const others = rest.length ? `${rest.length + 1} others` : "one other";
    return `${newest}, ${second} and ${others} ${this.#verb}`;
  }
}
