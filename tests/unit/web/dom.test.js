import assert from "node:assert/strict";
import { test } from "node:test";
import { h, sentence } from "../../../python/tertulia/web/static/view/dom.js";
import { isolated, plain, seen } from "../../../python/tertulia/web/static/words.js";

/** @param {string} tag */
const fake = (tag) => ({
  tag,
  children: /** @type {unknown[]} */ ([]),
  append(/** @type {unknown[]} */ ...more) {
    this.children.push(...more);
  },
});

/** @param {string} words @returns {unknown[]} the parts, a `bdi` as [its text] */
function parts(words) {
  const { document } = globalThis;
  Object.assign(globalThis, { document: { createElement: fake } });
  try {
    return sentence(words).map((part) => (typeof part === "string" ? part : /** @type {any} */ (part).children));
  } finally {
    Object.assign(globalThis, { document });
  }
}

test("a name in a sentence is an element of its own direction", () => {
  assert.deepEqual(parts(`${isolated("أنا")}, ${isolated("Ben")} and 2 others joined`), [
    ["أنا"],
    ", ",
    ["Ben"],
    " and 2 others joined",
  ]);
  assert.deepEqual(parts("Nobody is here"), ["Nobody is here"]);
});

test("a name cannot leave its element, nor turn what follows", () => {
  const evil = "Ann\u2069\u202e\u2067 was removed";
  assert.deepEqual(parts(`${isolated(evil)} raised a hand`), [["Ann was removed"], " raised a hand"]);
  assert.equal(plain(`Remove ${isolated(evil)}?`), "Remove Ann was removed?");
});

test("a tooltip keeps its parts apart where one of them is from right to left", () => {
  assert.equal(seen(`Pin ${isolated("Ben")} (you)`), "Pin Ben (you)");
  for (const name of ["أنا", "בן"]) {
    const words = `Pin ${isolated(name)} (you)`;
    assert.equal(seen(words), words);
  }
});

test("of an element, names stay apart in what is seen, and are text alone in what is read aloud", () => {
  const { document } = globalThis;
  /** @type {Map<string, string>} */
  const attributes = new Map();
  const element = { append() {}, setAttribute: attributes.set.bind(attributes) };
  Object.assign(globalThis, { document: { createElement: () => element } });
  try {
    const words = `Pin ${isolated("أنا")} (you)`;
    h("button", { title: words, placeholder: words, "aria-label": words });
    assert.deepEqual([...attributes.values()], [words, words, plain(words)]);
  } finally {
    Object.assign(globalThis, { document });
  }
});
