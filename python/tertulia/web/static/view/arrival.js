/** Without a packet in so many reports in a row, a camera has stopped. The first report on a track has no growth yet. */
const MOST_SILENT = 3;

/** Whether what is expected of somebody's camera goes on coming, by what each report says. */
export class Arrival {
  #isExpected = false;
  /** Reports in a row in which nothing came. */
  #silent = 0;

  /** @param {boolean} isExpected from now on */
  expect(isExpected) {
    this.#isExpected = isExpected;
    if (!isExpected) this.#silent = 0;
  }

  /** @param {boolean} hasCome since the last report */
  take(hasCome) {
    if (this.#isExpected) this.#silent = hasCome ? 0 : this.#silent + 1;
  }

  get isMissing() {
    return this.#silent >= MOST_SILENT;
  }
}
