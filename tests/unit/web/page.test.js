import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const WEB = new URL("../../../python/tertulia/web/", import.meta.url);
const INDEX = readFileSync(new URL("index.html", WEB), "utf8");
const FILES = readdirSync(new URL("static/", WEB), { recursive: true }).filter((name) => /\.\w+$/.test(name));

/**
 * The modules that a module needs before it runs, itself included.
 *
 * @param {string} name
 * @param {Set<string>} [found]
 */
function graph(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  const text = readFileSync(new URL(`static/${name}`, WEB), "utf8");
  for (const [, from] of text.matchAll(/^(?:import|export)\s[^;]*?from "(\.[^"]+)"|^import "(\.[^"]+)"/gm)) {
    graph(new URL(from, `file:///${name}`).pathname.slice(1), found);
  }
  return found;
}

test("what the lobby needs is preloaded, so that no module waits for another to name it; the meeting comes later", () => {
  const preloaded = [...INDEX.matchAll(/rel="modulepreload" href="\/static\/([^"]+)"/g)].map(([, name]) => name);
  const needed = graph("view.js");
  needed.delete("view.js");
  assert.deepEqual(preloaded, [...needed].sort());
  assert.ok(!needed.has("meeting.js") && !needed.has("view/room.js"));
});

test("no text looks like a comment with a line of its own: those are not sent", () => {
  for (const name of FILES.filter((name) => name.endsWith(".js") && !name.startsWith("vendor/"))) {
    let [isInText, isInComment] = [false, false];
    for (const line of readFileSync(new URL(`static/${name}`, WEB), "utf8").split("\n")) {
      if (isInText) assert.doesNotMatch(line, /^[ \t]*\/[/*]/, name);
      isInComment ||= !isInText && /^\s*\/\*/.test(line);
      const isCode = !isInComment && !/^\s*\/\//.test(line);
      if (isCode && (line.replace(/\/\/ .*$/, "").match(/`/g) ?? []).length % 2) isInText = !isInText;
      if (line.includes("*/")) isInComment = false;
    }
    assert.equal(isInText, false, name);
  }
});

test("every style sheet is linked", () => {
  const linked = [...INDEX.matchAll(/rel="stylesheet" href="\/static\/([^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual(linked.sort(), FILES.filter((name) => name.endsWith(".css")).sort());
});

test("text grows with the browser's font size", () => {
  for (const name of FILES.filter((name) => name.endsWith(".css"))) {
    const text = readFileSync(new URL(`static/${name}`, WEB), "utf8");
    assert.doesNotMatch(text, /\b(font|font-size|line-height):[^;]*\dpx/, name);
  }
});

test("nothing inline and nothing from another host, as the content policy demands", () => {
  assert.doesNotMatch(INDEX, /<style|style="|<script>|\son\w+="/);
  for (const name of FILES) {
    const text = readFileSync(new URL(`static/${name}`, WEB), "utf8");
    assert.doesNotMatch(text, /(from|import\(|url\()\s*["']?https?:/, name);
  }
});

test("arrows: words and protocol know nothing else, media no meeting, none of them the page", () => {
  const arrows = {
    words: ["words"],
    protocol: ["protocol"],
    media: ["media", "protocol"],
    meeting: ["media", "protocol"],
  };
  for (const [part, known] of Object.entries(arrows)) {
    for (const name of FILES.filter((n) => n === `${part}.js` || n.startsWith(`${part}/`))) {
      const text = readFileSync(new URL(`static/${name}`, WEB), "utf8");
      for (const [, from] of text.matchAll(/from "([^"]+)"/g)) {
        const target = new URL(from, `file:///static/${name}`).pathname.slice("/static/".length).split(/[./]/)[0];
        assert.ok(known.includes(target), `${name} imports ${from}`);
      }
      assert.doesNotMatch(text, /\bdocument\b|\bHTML\w+Element\b/, name);
    }
  }
});
