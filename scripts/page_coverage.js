/**
 * A reporter for `node --test`: the line coverage of the page's protocol/ and media/, files that no test loads included.
 * The run fails if one of them is below its floor.
 */

import { readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

const PAGE = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../python/tertulia/web/static");

/** Percent of the lines, some points below what is measured. */
const FLOORS = { protocol: 94, media: 94 };

/** Nothing but types in comments; and what only a browser has the means to run: the browser tests do. */
const NOT_MEASURED = /(^types|\.worker)\.js$/;

/** Percent of the lines of a directory that are covered; `seen` has the files that the runner saw, by path. */
function lines(directory, seen) {
  let [covered, total] = [0, 0];
  for (const name of readdirSync(directory, { recursive: true }).filter((name) => name.endsWith(".js"))) {
    if (NOT_MEASURED.test(basename(name))) continue;
    const path = join(directory, name);
    const file = seen.get(path);
    covered += file?.coveredLineCount ?? 0;
    total += file?.totalLineCount ?? readFileSync(path, "utf8").split("\n").length;
  }
  return (100 * covered) / total;
}

export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type !== "test:coverage") continue;
    const seen = new Map(data.summary.files.map((file) => [file.path, file]));
    for (const [name, floor] of Object.entries(FLOORS)) {
      const percent = lines(join(PAGE, name), seen);
      yield `${name}/: ${percent.toFixed(1)} % of the lines are covered, floor ${floor} %\n`;
      if (percent < floor) process.exitCode = 1;
    }
  }
}
