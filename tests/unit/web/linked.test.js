import assert from "node:assert/strict";
import { test } from "node:test";
import { addresses } from "../../../python/tertulia/web/static/view/linked.js";

/** @param {string} text */
const found = (text) => addresses(text).map(([address]) => address);

test("addresses end where the sentence goes on", () => {
  assert.deepEqual(found("See https://example.org/a, or (http://example.org/b)."), [
    "https://example.org/a",
    "http://example.org/b",
  ]);
  assert.deepEqual(found("[https://example.org/a]: really? https://example.org/?q=1!"), [
    "https://example.org/a",
    "https://example.org/?q=1",
  ]);
  assert.deepEqual(found('<https://example.org/a> "https://example.org/b"'), [
    "https://example.org/a",
    "https://example.org/b",
  ]);
});

test("so they do in other languages", () => {
  const texts = [
    "資料は（https://example.org/a）です。https://example.org/b、「https://example.org/c」を見て！",
    "ここ：https://example.org/d。",
    "„https://example.org/e“, «https://example.org/f» et ‘https://example.org/g’…",
    "انظر https://example.org/h، أو https://example.org/i؟",
  ];
  assert.deepEqual(
    texts.flatMap(found),
    [..."abcdefghi"].map((name) => `https://example.org/${name}`),
  );
});

test("brackets that are opened in an address are part of it", () => {
  assert.deepEqual(found("https://en.example.org/wiki/Foo_(bar) (https://en.example.org/wiki/Foo_(bar))"), [
    "https://en.example.org/wiki/Foo_(bar)",
    "https://en.example.org/wiki/Foo_(bar)",
  ]);
});

test("an address without its scheme leads to https", () => {
  assert.deepEqual(addresses("at www.example.org."), [["www.example.org", "https://www.example.org", 3]]);
});

test("nothing else is an address", () => {
  assert.deepEqual(found("javascript:alert(1) ftp://example.org mailto:a@example.org https:// http://) wwwx.org"), []);
});
