/** A page in the background has no frames, but maybe a window that floats above others. */
const LATEST_MS = 250;
/** After showing something we rest for so many times as long: a slow machine has to do other things, too. */
const REST = 4;

/** Shows what has changed once a frame: when a hundred people join or are muted, each of them would take one. */
export class Redraw {
  #show;
  /** @type {{frame: number, timer: ReturnType<typeof setTimeout>} | null} null: nothing has changed */
  #due = null;
  /** performance.now() */
  #restsUntil = 0;

  /** @param {() => void} show */
  constructor(show) {
    this.#show = show;
  }

  /** Shows it with the next frame, or once we have rested. */
  schedule() {
    if (this.#due) return;
    const rest = this.#restsUntil - performance.now();
    this.#due = {
      frame: rest > 0 ? 0 : requestAnimationFrame(this.#onTime),
      timer: setTimeout(this.#onTime, rest > 0 ? rest : LATEST_MS),
    };
  }

  /** Shows nothing any more, unless it is scheduled again. */
  close() {
    if (!this.#due) return;
    cancelAnimationFrame(this.#due.frame);
    clearTimeout(this.#due.timer);
    this.#due = null;
  }

  #onTime = () => {
    this.close();
    const from = performance.now();
    this.#show();
    const now = performance.now();
    this.#restsUntil = now + REST * (now - from);
  };
}
