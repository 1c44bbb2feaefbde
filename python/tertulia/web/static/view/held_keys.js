/**
 * Lets a key that is held press only what had the focus when it went down, and Enter that only once: what gets the focus
 * meanwhile was not meant.
 *
 * @param {Window} view
 */
export function ignoreHeldKeys(view) {
  /** @type {EventTarget | null} what had the focus when the key went down */
  let meant = null;
  view.addEventListener("keydown", (event) => {
    const { key, target, repeat } = event;
    if (key !== "Enter" && key !== " ") return;
    if (!repeat) meant = target;
    else if (target !== meant || (key === "Enter" && !isText(target))) event.preventDefault();
  });
  // Space presses by being released: in Firefox also what it did not go down on.
  view.addEventListener("keyup", (event) => {
    if (event.key === " " && event.target !== meant) event.preventDefault();
  });
}

/** @param {EventTarget | null} target where Enter begins a new line */
function isText(target) {
  return /** @type {Element} */ (target).localName === "textarea";
}
