/** Reads something again and again while the page is visible, one reading after the other. */
export class Poll {
  #read;
  #every;
  #isOpen = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #reading = Promise.resolve();
  #onVisible = () => {
    if (document.visibilityState === "visible") void this.now();
    else clearTimeout(this.#timer);
  };

  /**
   * Begins with the first reading.
   *
   * @param {() => Promise<void>} read never fails
   * @param {number} every milliseconds
   */
  constructor(read, every) {
    this.#read = read;
    this.#every = every;
    document.addEventListener("visibilitychange", this.#onVisible);
    void this.now();
  }

  /** Reads now, after the reading that is under way. */
  async now() {
    clearTimeout(this.#timer);
    this.#reading = this.#reading.then(() => (this.#isOpen ? this.#read() : undefined));
    await this.#reading;
    this.#schedule();
  }

  /** Reads no more. */
  close() {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#onVisible);
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (!this.#isOpen || document.visibilityState === "hidden") return;
    this.#timer = setTimeout(() => void this.now(), this.#every);
  }
}
