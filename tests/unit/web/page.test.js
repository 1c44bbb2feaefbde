import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const WEB = new URL("../../../python/tertulia/web/", import.meta.url);
const INDEX = readFileSync(new URL("index.html", WEB), "utf8");
const MEETINGS = readFileSync(new URL("meetings.html", WEB), "utf8");
const FILES = readdirSync(new URL("static/", WEB), { recursive: true }).filter((name) => /\.\w+$/.test(name));

/** @param {string} name of a module that a page begins with, of a catalogue, or of what is loaded on demand only */
const isLoadedByName = (name) =>
  /^(boot|view|meetings)\.js$|^words\/(meetings\/)?[a-z]{2}\.js$|^media\/(effects\/|(mesh|peer)\.js$)|^(media|view)\/check\/|^view\/(dialogs\/|password\.js$)|^vendor\//.test(
    name,
  );

/** What is loaded once the lobby is there. */
const LATER = ["meeting.js", "view/room.js", "view/picture.js", "view/recording/list.js"];

/** It makes a track of a canvas, and nobody sees that. */
const DRAWN = "media/effects/canvas.js";

/** @param {string} entry a module @returns {string[]} what it imports, and what that does */
function needed(entry) {
  const found = new Set();
  const follow = (/** @type {string} */ name) => {
    const text = readFileSync(new URL(`static/${name}`, WEB), "utf8");
    for (const [, from] of text.matchAll(/^(?:import|export|\}) ?.*?"(\.[^"]+)";$/gm)) {
      const next = new URL(from, `file:///static/${name}`).pathname.slice("/static/".length);
      if (!found.has(next)) follow(found.add(next) && next);
    }
  };
  follow(entry);
  return [...found].sort();
}

/** @param {string} page @param {string} rel @returns {string[]} the static files that it links to */
const linked = (page, rel) =>
  [...page.matchAll(new RegExp(`rel="${rel}" href="/static/([^"]+)"`, "g"))].map(([, name]) => name);

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

for (const [page, entry] of [
  [INDEX, "view.js"],
  [MEETINGS, "meetings.js"],
]) {
  test(`every module of ${entry} is preloaded, so that none waits for another to name it`, () => {
    assert.deepEqual(linked(page, "modulepreload"), needed(entry));
  });
}

test("the lobby does not wait for the meeting", () => {
  const before = needed("view.js");
  for (const later of LATER) assert.ok(!before.includes(later));
});

test("only rooms without an SFU load what connects members to each other", () => {
  assert.deepEqual(
    needed("media/mesh.js").filter((name) => !needed("meeting.js").includes(name)),
    ["media/peer.js"],
  );
});

test("every module and every style sheet is of a page", () => {
  const modules = FILES.filter((name) => name.endsWith(".js") && !isLoadedByName(name));
  const behindLobby = LATER.flatMap((name) => [name, ...needed(name)]);
  const ofPages = [...linked(INDEX, "modulepreload"), ...linked(MEETINGS, "modulepreload"), ...behindLobby];
  // Nothing but types in comments.
  assert.deepEqual([...new Set(ofPages), "protocol/types.js"].sort(), modules.sort());
  const sheets = new Set([...linked(INDEX, "stylesheet"), ...linked(MEETINGS, "stylesheet")]);
  assert.deepEqual([...sheets].sort(), FILES.filter((name) => name.endsWith(".css")).sort());
});

test("no template literal has several lines: comments are recognized by their lines, and are not sent", () => {
  const isComment = (/** @type {string} */ line) => /^\s*(\/\*|\*|\/\/)/.test(line);
  for (const name of FILES.filter((name) => name.endsWith(".js") && !name.startsWith("vendor/"))) {
    const lines = readFileSync(new URL(`static/${name}`, WEB), "utf8").split("\n");
    const open = lines.filter((line) => !isComment(line) && line.split("`").length % 2 === 0);
    assert.deepEqual(open, [], name);
  }
});

test("text grows with the browser's font size", () => {
  for (const name of FILES.filter((name) => name.endsWith(".css"))) {
    const text = readFileSync(new URL(`static/${name}`, WEB), "utf8");
    assert.doesNotMatch(text, /\b(font|font-size|line-height):[^;]*\dpx/, name);
  }
});

test("nothing inline and nothing from another host, as the content policy demands", () => {
  for (const page of [INDEX, MEETINGS]) assert.doesNotMatch(page, /<style|style="|<script>|\son\w+="/);
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
      if (name !== DRAWN) assert.doesNotMatch(text, /\bdocument\b|\bHTML\w+Element\b/, name);
    }
  }
});
