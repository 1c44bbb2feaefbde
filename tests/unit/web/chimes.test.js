import assert from "node:assert/strict";
import { test } from "node:test";
import { ChimeRules } from "../../../python/tertulia/web/static/view/chimes.js";

test("who comes and leaves is heard in a small room only, a hand and a message in any", () => {
  const allows = (chime, people) => new ChimeRules().allows(chime, people, 0);
  for (const chime of ["came", "left"]) assert.deepEqual([allows(chime, 8), allows(chime, 9)], [true, false]);
  for (const chime of ["hand", "chat"]) assert.equal(allows(chime, 500), true);
});

test("many who come and go within a minute are heard no more, until it is calm again", () => {
  const rules = new ChimeRules();
  const sounds = Array.from({ length: 12 }, (_, i) => rules.allows(i % 2 ? "left" : "came", 5, i * 2000));
  assert.equal(sounds.filter(Boolean).length, 6);
  assert.deepEqual(sounds.slice(0, 7), [true, true, true, true, true, true, false]);
  assert.equal(rules.allows("came", 5, 120_000), true);
});

test("the same sound does not come twice at once", () => {
  const rules = new ChimeRules();
  assert.deepEqual(
    [0, 100, 699, 700].map((now) => rules.allows("chat", 3, now)),
    [true, false, false, true],
  );
  assert.equal(rules.allows("hand", 3, 701), true);
});
