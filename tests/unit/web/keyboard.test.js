import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Keyboard } from "../../../python/tertulia/web/static/view/keyboard.js";
import { Moves } from "../../../python/tertulia/web/static/view/moves.js";

class FakeWindow extends EventTarget {
  hasDialog = false;
  focused = 0;
  document = { querySelector: (selector) => (selector === "dialog[open]" && this.hasDialog ? {} : null) };

  focus() {
    this.focused++;
  }

  /** @returns {boolean} whether the browser does what it does by itself */
  press(key, code, target = this) {
    const event = Object.assign(new Event("keydown", { cancelable: true }), { key, code });
    return this.dispatchEvent(Object.defineProperty(event, "target", { value: target }));
  }
}

class FakeButton {
  closest(selector) {
    return selector.startsWith("button") ? this : null;
  }
}

let page;
let floating;
let done;
let talked;

beforeEach(() => {
  page = new FakeWindow();
  floating = new FakeWindow();
  done = [];
  talked = [];
  Object.assign(globalThis, {
    window: page,
    document: page.document,
    Element: FakeButton,
    localStorage: { getItem: () => null },
  });
  const talk = { press: (onControl) => talked.push(onControl ? "after a while" : "at once"), release: () => false };
  const moves = new Moves();
  moves.follow(page);
  new Keyboard((command) => done.push(command), talk, moves).follow(floating);
});

test("keys run commands, in the page and in a window of its own, which shows the page for some", () => {
  assert.equal(page.press("c"), false);
  assert.equal(floating.press("m"), false);
  assert.equal(floating.focused + page.focused, 0);
  floating.press("C");
  assert.deepEqual([done, page.focused], [["chat", "mic", "chat"], 1]);
});

test("where a layout has no Latin letters, a key is known by its place", () => {
  for (const key of ["צ", "ة", "ь", "μ", "ท", "ㅡ"]) page.press(key, "KeyM"); // Hebrew, Arabic, Russian, Greek, Thai, Korean
  assert.deepEqual(done, Array(6).fill("mic"));
  page.press("้", "KeyH"); // a tone mark of Thai
  page.press("؟", "Slash"); // the question mark of Arabic
  assert.deepEqual(done.slice(6), ["hand", "help"]);
});

test("a Latin letter is what it says, wherever it is, and a sign is no letter", () => {
  page.press("m", "Semicolon"); // AZERTY
  page.press(",", "KeyM");
  page.press("q", "KeyM");
  assert.deepEqual(done, ["mic"]);
});

test("while a dialog is open on the page, nothing more is shown there from a window of its own", () => {
  page.hasDialog = true;
  assert.equal(page.press("m"), true);
  assert.equal(floating.press("c"), true);
  assert.deepEqual([done, page.focused], [[], 0]);
  assert.equal(floating.press("m"), false);
  assert.deepEqual(done, ["mic"]);
});

test("while a dialog is open letters do nothing, and Space still speaks", () => {
  page.hasDialog = true;
  assert.equal(page.press("m"), true);
  assert.equal(page.press(" "), false);
  assert.deepEqual([done, talked], [[], ["at once"]]);
});

test("Space never presses what was clicked; a control that was reached by keyboard it does, in a dialog, too", () => {
  for (const hasDialog of [false, true]) {
    page.hasDialog = hasDialog;
    const [clicked, next] = [new FakeButton(), new FakeButton()];
    page.dispatchEvent(new Event("pointerdown"));
    assert.equal(page.press(" ", "Space", clicked), false);
    page.press("Escape", "Escape", clicked);
    assert.equal(page.press(" ", "Space", clicked), false, "what was clicked has the focus still");
    page.press("Escape", "Escape", next);
    assert.equal(page.press(" ", "Space", clicked), false, "what it opened gave the focus back");
    page.press("Tab", "Tab", clicked);
    assert.equal(page.press(" ", "Space", next), true);
  }
  const each = ["at once", "at once", "at once", "after a while"];
  assert.deepEqual(talked, [...each, ...each]);
});
