import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { VENDORED } from "../../../scripts/vendor.js";

const VENDOR = new URL("../../../python/tertulia/web/static/vendor/", import.meta.url);

for (const [file, origin] of VENDORED) {
  test(`${file.pathname.slice(VENDOR.pathname.length)} is the file of the npm package`, () => {
    assert.ok(readFileSync(file).equals(readFileSync(origin)), "npm ci && npm run vendor");
  });
}

test("nothing else is there but the word about it", () => {
  const there = readdirSync(VENDOR, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = there.map((entry) => `${entry.parentPath.replace(/\/?$/, "/")}${entry.name}`);
  const known = VENDORED.map(([file]) => fileURLToPath(file));
  assert.deepEqual(names.sort(), [...known, fileURLToPath(new URL("README.md", VENDOR))].sort());
});
