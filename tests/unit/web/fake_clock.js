import { mock } from "node:test";
import { settle } from "./settle.js";

/** Milliseconds by which the clock moves at once; what happens meanwhile may set further timers. */
const STEP = 100;

/** Time that passes only when the test says so: timers, `Date` and `performance.now()`. */
export class FakeClock {
  #now = 1_000_000;

  constructor() {
    mock.reset();
    mock.timers.reset();
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: Date.parse("2030-01-01T00:00:00Z") });
    mock.method(performance, "now", () => this.#now);
  }

  /** @param {number} ms */
  async advance(ms) {
    await settle();
    for (let left = ms; left > 0; left -= STEP) {
      const step = Math.min(STEP, left);
      this.#now += step;
      mock.timers.tick(step);
      await settle();
    }
  }
}
