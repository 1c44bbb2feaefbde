/**
 * Copies what the page uses of npm packages into `python/tertulia/web/static/vendor/`, after package.json names another
 * version of one: `npm ci && npm run vendor`. vendored.json says which file goes where.
 */
import { cpSync, readFileSync } from "node:fs";

const ROOT = new URL("../", import.meta.url);

/** @type {[file: URL, origin: URL][]} */
export const VENDORED = Object.entries(JSON.parse(readFileSync(new URL("vendored.json", import.meta.url), "utf8"))).map(
  ([file, origin]) => [
    new URL(`python/tertulia/web/static/vendor/${file}`, ROOT),
    new URL(`node_modules/${origin}`, ROOT),
  ],
);

if (process.argv[1] === import.meta.filename) for (const [file, origin] of VENDORED) cpSync(origin, file);
