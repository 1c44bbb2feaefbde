import assert from "node:assert/strict";
import { test } from "node:test";
import { keepAt } from "../../../python/tertulia/web/static/view/popover.js";

/** An open popover, at a button that says how often it was looked at. */
function setUp() {
  const view = new EventTarget();
  Object.assign(globalThis, {
    addEventListener: view.addEventListener.bind(view),
    removeEventListener: view.removeEventListener.bind(view),
    document: { documentElement: { clientWidth: 800 } },
    innerHeight: 600,
  });
  const popover = Object.assign(new EventTarget(), { isOpen: true, matches: () => popover.isOpen, style: {} });
  let looks = 0;
  const button = { getBoundingClientRect: () => ++looks && { left: 0, width: 40, top: 0, bottom: 40 } };
  keepAt(popover, () => button);
  const resized = () => {
    view.dispatchEvent(new Event("resize"));
    return looks;
  };
  return { popover, resized };
}

test("an open popover stays at its button until it closes", () => {
  const { popover, resized } = setUp();
  assert.equal(resized(), 2);
  popover.dispatchEvent(new Event("beforetoggle"));
  assert.equal(resized(), 2);
});

test("one that was removed while it was open is not placed any more, nor listened for", () => {
  const { popover, resized } = setUp();
  popover.isOpen = false;
  assert.equal(resized(), 1);
  popover.isOpen = true; // it would be noticed now
  assert.equal(resized(), 1);
});
