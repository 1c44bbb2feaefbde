import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { runInNewContext } from "node:vm";
import ofEveryPage from "../../../python/tertulia/web/static/words/en.js";
import ofMeetings from "../../../python/tertulia/web/static/words/meetings/en.js";
import {
  bytes,
  dateAndTime,
  LANGUAGES,
  listOf,
  load,
  percent,
  plain,
  say,
  speak,
  timeOfDay,
} from "../../../python/tertulia/web/static/words.js";

const STATIC = new URL("../../../python/tertulia/web/static/", import.meta.url);
const MODULES = readdirSync(STATIC, { recursive: true }).filter((name) => /^(?!vendor\/).*\.js$/.test(name));
const CODES = Object.keys(LANGUAGES);
const english = { ...ofEveryPage, ...ofMeetings };
/** @param {string} place */
const read = async (place) => (await import(new URL(place, STATIC).href)).default;
const TEXTS = new Map();
for (const code of CODES) {
  TEXTS.set(code, { ...(await read(`words/${code}.js`)), ...(await read(`words/meetings/${code}.js`)) });
}

/** @param {string} name of a module @returns {string} its code without comments */
const code = (name) => readFileSync(new URL(name, STATIC), "utf8").replace(/(?<!\w)\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
const forms = (text) => (typeof text === "string" ? [text] : Object.values(text));
const placeholders = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort();
const without = (names, others) => names.filter((name) => !others.includes(name));
const CATALOGUE = /^words\/(meetings\/)?[a-z]{2}\.js$/;
const CODE = MODULES.filter((name) => !CATALOGUE.test(name)).map((name) => [name, code(name)]);
const IS_OF_MEETINGS = /^meetings(\.js|\/)/;

describe("the catalogues", () => {
  test("there is one for each language, and no other", () => {
    const files = MODULES.filter((name) => CATALOGUE.test(name));
    const wanted = ["words/", "words/meetings/"].flatMap((place) => CODES.map((code) => `${place}${code}.js`));
    assert.deepEqual(files.sort(), wanted.sort());
  });

  test("what only the page of meetings says is in a catalogue that no other page loads", () => {
    const inCode = (isMeetings) =>
      CODE.filter(([name]) => IS_OF_MEETINGS.test(name) === isMeetings).map(([, text]) => text);
    const [meetings, others] = [inCode(true).join(""), inCode(false).join("")];
    const only = Object.keys(english).filter((key) => meetings.includes(`"${key}"`) && !others.includes(`"${key}"`));
    assert.deepEqual(Object.keys(ofMeetings), only);
  });

  for (const [language, texts] of TEXTS) {
    test(`${language} says everything, and nothing that is not said in English`, () => {
      assert.deepEqual(Object.keys(texts), Object.keys(english));
    });

    test(`${language} names the answers to a knock by what their buttons say (WCAG 2.5.3)`, () => {
      for (const answer of ["admit", "deny"]) {
        const [shown, name] = [texts[`knock.${answer}`], texts[`knock.${answer}Name`]].map((s) => s.toLowerCase());
        assert.ok(name.includes(shown), `${name} has no ${shown}`);
      }
    });

    test(`${language} has the placeholders of English`, () => {
      for (const [key, text] of Object.entries(texts)) {
        const wanted = placeholders(forms(english[key]).at(-1));
        for (const form of forms(text)) {
          // A form may say the number in words: "one other joined".
          const found = placeholders(form);
          assert.deepEqual(without(found, ["count"]), without(wanted, ["count"]), `${key}: ${form}`);
        }
        const other = typeof text === "string" ? text : text.other;
        assert.deepEqual(placeholders(other), wanted, `${key}: ${other}`);
      }
    });

    test(`${language} has each plural form that whole numbers up to a thousand need`, () => {
      const rules = new Intl.PluralRules(language);
      const needed = [...new Set(Array.from({ length: 1001 }, (_, i) => rules.select(i)))].sort();
      for (const [key, text] of Object.entries(texts)) {
        assert.equal(typeof text, typeof english[key], key);
        if (typeof text !== "string") assert.deepEqual(Object.keys(text).sort(), needed, key);
      }
    });

    test(`${language} has no text that is empty or left in another language`, () => {
      for (const [key, text] of Object.entries(texts)) {
        for (const form of forms(text)) assert.equal(form, form.trim() || "a text", key);
        const isSentence = typeof text === "string" && text.split(" ").length > 4;
        if (language !== "en" && isSentence) assert.notEqual(text, english[key], key);
      }
    });
  }
});

/**
 * Words of a form of address that a catalogue does not use: it says tú, Sie, vous, você; in Hebrew nobody is addressed by
 * a form that depends on who they are.
 */
const OTHER_ADDRESS = {
  es: "ustedes|usted|compruebe|elija|suba|acérquese|pida|ábralo|haga|inténtelo|vuelva|espere|introduzca|conecte",
  de: "du|dich|dir|dein(e|en|em|er|es)?|euch|euer|eure[nmrs]?",
  fr: "tu|toi|tes|tien(s|ne|nes)?",
  pt: "tu|te|ti|teus?|tuas?|vós",
  he: "אתם|אתן|שלכם|לכם|אתכם|בחרו|פתחו|בקשו|השתמשו|התקרבו|הגבירו|נסו|בדקו|את/ה|מארח/ת|אורח/ת",
};

test("people are addressed in one way", () => {
  for (const [language, words] of Object.entries(OTHER_ADDRESS)) {
    const other = new RegExp(`(?<!\\p{L})(${words})(?!\\p{L})`, "iu");
    for (const [key, text] of Object.entries(TEXTS.get(language))) {
      for (const form of forms(text)) assert.doesNotMatch(form, other, key);
    }
  }
});

describe("the code of the page", () => {
  test("uses every text", () => {
    const used = new Set(CODE.flatMap(([, text]) => [...text.matchAll(/"([a-z]+\.[\w.]+)"/g)].map(([, key]) => key)));
    assert.deepEqual(
      Object.keys(english).filter((key) => !used.has(key)),
      [],
    );
  });

  test("gives each text its values", () => {
    for (const [name, text] of CODE) {
      for (const [, key, , values = ""] of text.matchAll(/\bsay\(\s*"([\w.]+)"(,\s*\{([^}]*)\})?/g)) {
        const given = [...values.matchAll(/(?:^|,)\s*([a-z]\w*)/gi)].map(([, name]) => name);
        assert.ok(key in english, `${name}: ${key}`);
        assert.deepEqual(given.sort(), placeholders(forms(english[key]).at(-1)), `${name}: ${key}`);
      }
    }
  });

  /** Names that are not for people: of keys, of errors, of the page itself. */
  const NAMES = /^(Tertulia|Tab|Enter|Escape|Home|End|Arrow(Up|Down|Left|Right)|\w+Error|JoinRoom)$/;
  /** Where words stand that are not for people: classes, selectors, the types of comments, errors for the console. */
  const TECHNICAL =
    /(class: [^,{}]*|rel: |classList\.\w+\(|isIn\([^,]*, |querySelector(All)?\(|closest\(|matches\(|matchMedia\(|(Error|Exception)\(|console\.\w+\(|svgElement\("\w+", \{.*)$/;

  test("has no text for people", () => {
    const view = CODE.filter(([name]) => name === "view.js" || name.startsWith("view/"));
    assert.ok(view.length > 40);
    for (const [name, text] of view) {
      for (const match of text.matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)) {
        const words = (match[1] ?? match[2] ?? "").replace(/\$\{[^}]*\}/g, "");
        const before = text.slice(0, match.index).split("\n").at(-1) ?? "";
        const isText = /[A-Za-z]{3,}[,.:;!?]?\s+[A-Za-z]{3,}/.test(words) || /^[A-Z][a-z]+/.test(words);
        assert.ok(!isText || NAMES.test(words) || TECHNICAL.test(before), `${name}: ${match[0]}`);
      }
      const labels =
        /(title|placeholder|textContent)"?\s*[:=]\s*"(?!Tertulia"|\w+\.\w+")[A-Za-z]|aria-label"[,:] "[A-Za-z]/;
      assert.doesNotMatch(text, labels, name);
      assert.doesNotMatch(text, /\bh\("\w+", \{[^{}]*\}, "(?!Tertulia")[A-Za-z]+"/, name);
    }
  });
});

describe("the language", () => {
  /** @param {string | null} chosen @param {string[]} languages of the browser */
  const boot = (chosen, ...languages) => {
    const root = { dataset: {}, lang: "", dir: "" };
    const loaded = [];
    runInNewContext(readFileSync(new URL("boot.js", STATIC), "utf8"), {
      localStorage: { getItem: (key) => (key === "tertulia.language" ? chosen : null) },
      navigator: { languages },
      document: { documentElement: root, createElement: () => ({}), head: { append: ({ href }) => loaded.push(href) } },
    });
    return [root.lang, root.dir, ...loaded];
  };

  test("is the browser's first one that there is", () => {
    assert.deepEqual(boot(null, "de-AT", "en"), ["de", "ltr", "/static/words/de.js"]);
    assert.deepEqual(boot(null, "fi", "ar-EG", "en"), ["ar", "rtl", "/static/words/ar.js"]);
    assert.deepEqual(boot(null, "fi"), ["en", "ltr", "/static/words/en.js"]);
  });

  test("is the one that was chosen", () => {
    assert.deepEqual(boot("he", "de"), ["he", "rtl", "/static/words/he.js"]);
    assert.equal(boot("xx", "de")[0], "de");
  });

  test("can be chosen where the browser keeps nothing of this site, as long as the page is open", () => {
    const root = { dataset: {} };
    const page = {
      navigator: { languages: ["de"] },
      document: { documentElement: root, createElement: () => ({}), head: { append: () => {} } },
    };
    const refuse = () => {
      throw new Error("SecurityError");
    };
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(page, name, { configurable: true, get: refuse });
    }
    runInNewContext(readFileSync(new URL("boot.js", STATIC), "utf8"), page);
    assert.equal(root.lang, "de");
    const { localStorage, sessionStorage } = page;
    assert.equal(localStorage.getItem("tertulia.language"), null);
    localStorage.setItem("tertulia.language", "he");
    assert.deepEqual(
      [localStorage, sessionStorage].map((one) => one.getItem("tertulia.language")),
      ["he", null],
    );
    localStorage.removeItem("tertulia.language");
    assert.equal(localStorage.getItem("tertulia.language"), null);
  });

  test("is one of all there are", () => {
    for (const language of CODES) assert.equal(boot(null, language)[0], language);
  });
});

describe("what is said", () => {
  test("has what only the page of meetings says where it is asked for", async () => {
    await load("de", [], true);
    assert.equal(say("nodes.open"), TEXTS.get("de")["nodes.open"]);
    assert.equal(say("action.ok"), TEXTS.get("de")["action.ok"]);
    await load("de", []);
    assert.throws(() => say("nodes.open"), /there is no text nodes.open/);
  });

  test("has its values, each with a direction of its own", () => {
    speak(english, "en");
    assert.equal(say("people.remove", { name: "أنا" }), "Remove \u2068أنا\u2069");
    assert.equal(say("control.people", { number: 1200 }), "People, 1,200");
    assert.throws(() => say("people.remove"), /people.remove needs \{name\}/);
  });

  test("has the plural form of its language", () => {
    const counted = [1, 2, 5].map((count) => say("people.count", { count }));
    assert.deepEqual(counted, ["Only you are here", "2 people", "5 people"]);
  });

  test("has numbers and times as the browser's region writes them", async () => {
    await load("en", ["fr-FR", "en-GB"]);
    assert.equal(dateAndTime("2026-11-28T12:15:00").replace(/\s+/g, " "), "28 November 2026 at 12:15");
    await load("de", ["en-GB"]);
    assert.equal(percent(0.42).replace(/\s/g, " "), "42 %");
    assert.equal(timeOfDay("2026-11-28T20:15:00"), "20:15");
    assert.equal(listOf(["a", "b", "c"]), "a, b und c");
  });

  test("has sizes in steps of a thousand", () => {
    speak(english, "en");
    const sizes = [0, 999, 1000, 9_900, 10_000, 1_500_000_000].map(bytes);
    assert.deepEqual(sizes, ["0 bytes", "999 bytes", "1.0 kB", "9.9 kB", "10 kB", "1.5 GB"]);
  });

  test("is English where a catalogue cannot be loaded", async () => {
    await load("tlh", []);
    assert.equal(plain(say("people.remove", { name: "Ana" })), "Remove Ana");
  });
});
