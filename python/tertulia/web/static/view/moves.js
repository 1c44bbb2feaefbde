/** Keys by which one goes through a page. Whoever uses them means the focused control when they press Space. */
const NAVIGATION = new Set(["Tab", "Enter", "Home", "End", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);

/** By what the focus was moved last, as far as we know: in the page, or in a window of its own. */
export class Moves {
  /** @type {"pointer" | "keyboard" | "none"} */
  #last = "none";
  /** What had the focus at the last of these keys: one that leaves it there moves nothing. @type {EventTarget | null} */
  #before = null;

  /** @param {EventTarget | null} target what has the focus now */
  by(target) {
    if (this.#before && target !== this.#before) this.#last = "keyboard";
    return this.#last;
  }

  /** @param {Window} view whose moves count from now on */
  follow(view) {
    const onPointer = () => {
      this.#last = "pointer";
      this.#before = null;
    };
    const onKey = (/** @type {KeyboardEvent} */ { key, target }) => {
      if (!NAVIGATION.has(key)) return;
      this.by(target);
      this.#before = target;
    };
    view.addEventListener("pointerdown", onPointer, { capture: true });
    view.addEventListener("keydown", onKey, { capture: true });
  }
}
