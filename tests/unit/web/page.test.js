import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const WEB = new URL("../../../python/tertulia/web/", import.meta.url);
const INDEX = readFileSync(new URL("index.html", WEB), "utf8");
const FILES = readdirSync(new URL("static/", WEB), { recursive: true }).filter((name) => /\.\w+$/.test(name));

/** @param {string} name of a module that the page begins with, of a catalogue, or of what is loaded on demand only */
const isLoadedByName = (name) =>
  name === "boot.js" || name === "view.js" || /^(words\/[a-z]{2}\.js$|media\/effects\/|vendor\/)/.test(name);

/** @param {string} name of a module that few people ever need */
const isLoadedOnDemand = (name) => /^(media|view)\/check\//.test(name);

test("every module is preloaded, so that none waits for another to name it", () => {
  const preloaded = [...INDEX.matchAll(/rel="modulepreload" href="\/static\/([^"]+)"/g)].map(([, name]) => name);
  const modules = FILES.filter((name) => name.endsWith(".js") && !isLoadedByName(name) && !isLoadedOnDemand(name));
  assert.deepEqual(preloaded, modules.sort());
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
