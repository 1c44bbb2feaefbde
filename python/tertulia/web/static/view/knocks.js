/** @import { Meeting } from "../meeting.js" */
/** @import { Knock } from "../protocol/types.js" */
import { say } from "../words.js";
import { fill, h, initials, tint } from "./dom.js";
import { clearNotices, fail, notice } from "./notices.js";

const TOPIC = "knock";

/** Who waits to be admitted: in the list of people, and as a notice to the host. */
export class Knocks {
  #control;
  #list = h("ul", { class: "people-list knocks" });
  #title = h("h3", {});
  #all;
  /** Of whom the host was told. */
  #told = new Set();

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
    this.element.hidden = knocks.length === 0;
    this.#all.hidden = knocks.length < 2;
    fill(this.#title, say("knock.title", { count: knocks.length }));
    fill(this.#list, ...knocks.map((knock) => this.#row(knock)));
  }

  /** @param {() => void} onShow */
  #tell(onShow) {
    const knocks = [...this.#control.waiting.values()];
    const isNews = knocks.some(({ userId }) => !this.#told.has(userId));
    const isShown = document.querySelector(`[data-topic="${TOPIC}"]`) !== null;
    this.#told = new Set(knocks.map(({ userId }) => userId));
    const [first] = knocks;
    if (!first) return clearNotices(TOPIC);
    const words =
      knocks.length === 1 ? say("knock.one", { name: first.displayName }) : say("knock.more", { count: knocks.length });
    const action =
      knocks.length === 1
        ? { label: say("knock.admit"), run: () => this.#admit(first.userId) }
        : { label: say("knock.show"), run: onShow };
    if (isNews || isShown) notice(words, { action, topic: TOPIC, stays: true });
  }

  /** @param {Knock} knock */
  #row({ userId, displayName, isGuest }) {
    const name = displayName;
    return h(
      "li",
      {},
      h("span", { class: `face ${tint(userId)}`, "aria-hidden": "true" }, initials(name)),
      h("span", { class: "who" }, h("bdi", { class: "name" }, name), isGuest && h("small", {}, say("people.guest"))),
      button("secondary", say("knock.deny"), say("knock.denyName", { name }), () =>
        this.#control.deny(userId).catch(fail),
      ),
      button("primary", say("knock.admit"), say("knock.admitName", { name }), () => this.#admit(userId)),
    );
  }

  /** @param {string} [userId] */
  #admit(userId) {
    this.#control.admit(userId).catch(fail);
  }
}

/**
 * @param {string} look
 * @param {string} words
 * @param {string} label
 * @param {() => void} onclick
 */
function button(look, words, label, onclick) {
  return h("button", { type: "button", class: `${look} compact`, "aria-label": label, onclick }, words);
}
