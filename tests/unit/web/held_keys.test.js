import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ignoreHeldKeys } from "../../../python/tertulia/web/static/view/held_keys.js";

const [button, another, text] = [{ localName: "button" }, { localName: "button" }, { localName: "textarea" }];
let view;

beforeEach(() => {
  view = new EventTarget();
  ignoreHeldKeys(view);
});

/** @returns {boolean} whether the browser does what it does by itself */
function send(type, key, target, repeat = false) {
  const event = Object.assign(new Event(type, { cancelable: true }), { key, repeat });
  return view.dispatchEvent(Object.defineProperty(event, "target", { value: target }));
}

test("what gets the focus while a key is held is not pressed", () => {
  for (const key of ["Enter", " "]) {
    assert.equal(send("keydown", key, button), true);
    assert.equal(send("keydown", key, another, true), false);
  }
  assert.equal(send("keyup", " ", another), false);
});

test("Space that is held presses what it went down on, by its release", () => {
  assert.equal(send("keydown", " ", button), true);
  assert.equal(send("keydown", " ", button, true), true);
  assert.equal(send("keyup", " ", button), true);
});

test("Enter that is held presses once, and begins one line after another in a text", () => {
  assert.equal(send("keydown", "Enter", button), true);
  assert.equal(send("keydown", "Enter", button, true), false);
  assert.equal(send("keydown", "Enter", text, true), false);
  assert.equal(send("keydown", "Enter", text), true);
  assert.equal(send("keydown", "Enter", text, true), true);
});

test("other keys do what they do", () => {
  assert.equal(send("keydown", "ArrowDown", button), true);
  assert.equal(send("keydown", "ArrowDown", another, true), true);
  assert.equal(send("keyup", "ArrowDown", text), true);
});
