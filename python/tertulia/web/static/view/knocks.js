/** @import { Meeting } from "../meeting.js" */
/** @import { Knock } from "../protocol/types.js" */
import { say } from "../words.js";
import { fill, h, initials, tint } from "./dom.js";
import { clearNotices, fail, isShown, notice } from "./notices.js";
import { Rows } from "./rows.js";

/** Notices: of somebody who can be let in at once, and of all who wait. No button becomes another one under the pointer. */
const [ONE, ALL] = ["knock", "knocks"];

/** Who waits to be admitted: in the list of people, and as a notice to the host. */
export class Knocks {
  #control;
  #list = h("ul", { class: "people-list knocks" });
  #rows = new Rows(this.#list);
  #title = h("h3", {});
  #all;
  /** Of whom the host was told. */
  #told = new Set();
  /** Whom the first of the notices lets in. */
  #one = "";
  /** What the second one says. */
  #words = "";

  /** @param {Meeting} meeting */
  constructor({ control }) {
    this.#control = control;
    this.#all = h(
      "button",
      { type: "button", class: "text-button", onclick: () => this.#admit() },
      say("knock.admitAll"),
    );
    const head = h("div", { class: "knocks-head" }, this.#title, this.#all);
    this.element = h("section", { class: "knocking", hidden: true }, head, this.#list);
  }

  /**
   * @param {() => void} onShow opens the list of people
   * @returns {() => void} ends it
   */
  listen(onShow) {
    const tell = () => {
      this.#update();
      this.#tell(onShow);
    };
    tell();
    return this.#control.on("waiting", tell);
  }

  #update() {
    const knocks = [...this.#control.waiting.values()];
    this.#rows.show(knocks.map((knock) => this.#row(knock)));
    if (knocks.length < 2 && this.#all === document.activeElement) this.#rows.focusFirst("admit");
    this.element.hidden = knocks.length === 0;
    this.#all.hidden = knocks.length < 2;
    fill(this.#title, say("knock.title", { count: knocks.length }));
  }

  /** @param {() => void} onShow */
  #tell(onShow) {
    const { waiting } = this.#control;
    const isNews = [...waiting.keys()].some((userId) => !this.#told.has(userId));
    this.#told = new Set(waiting.keys());
    if (!waiting.has(this.#one)) clearNotices(ONE);
    const [first] = waiting.values();
    if (!first || (waiting.size === 1 && isShown(ONE))) return clearNotices(ALL);
    const before = isShown(ALL);
    if (!isNews && !before) return;
    if (waiting.size === 1 && !before) return this.#tellOf(first);
    const count = waiting.size;
    const words = count === 1 ? say("knock.one", { name: first.displayName }) : say("knock.more", { count });
    if (!isNews && words === this.#words) return;
    this.#words = words;
    notice(words, { action: { label: say("knock.show"), run: onShow }, topic: ALL, stays: true });
  }

  /** @param {Knock} knock of the only one who waits */
  #tellOf({ userId, displayName: name }) {
    this.#one = userId;
    const action = { label: say("knock.admit"), run: () => this.#admit(userId) };
    notice(say("knock.one", { name }), { action, topic: ONE, stays: true });
  }

  /**
   * @param {Knock} knock
   * @returns {import("./rows.js").Row}
   */
  #row({ userId, displayName, isGuest }) {
    const name = displayName;
    const make = () =>
      h(
        "li",
        { "data-user": userId },
        h("span", { class: `face ${tint(userId)}`, "aria-hidden": "true" }, initials(name)),
        h("span", { class: "who" }, h("bdi", { class: "name" }, name), isGuest && h("small", {}, say("people.guest"))),
        h(
          "span",
          { class: "answers" },
          button("deny", "secondary", say("knock.deny"), say("knock.denyName", { name }), () =>
            this.#control.deny(userId).catch(fail),
          ),
          button("admit", "primary", say("knock.admit"), say("knock.admitName", { name }), () => this.#admit(userId)),
        ),
      );
    return { userId, version: JSON.stringify([name, isGuest]), make };
  }

  /** @param {string} [userId] */
  #admit(userId) {
    this.#control.admit(userId).catch(fail);
  }
}

/**
 * @param {string} act
 * @param {string} look
 * @param {string} words
 * @param {string} label
 * @param {() => void} onclick
 */
function button(act, look, words, label, onclick) {
  const attributes = { type: "button", class: `${look} compact`, "aria-label": label, "data-act": act, onclick };
  return h("button", attributes, words);
}
