/** @import { Rest } from "../protocol.js" */
/** @import { Room, RoomStatus } from "../protocol/types.js" */
import { h } from "../view/dom.js";
import { icon } from "../view/icons.js";
import { say } from "../words.js";
import { heading } from "./frame.js";
import { Poll } from "./poll.js";
import { STATUS, titleOf, whenOf } from "./room_words.js";
import { Rooms } from "./rooms.js";
import { Rows } from "./rows.js";
import { Trouble, tell } from "./trouble.js";

const EVERY_MS = 10_000;

/** The list of meetings. */
export class ListScreen {
  #rooms;
  #poll;
  #list = h("ul", { class: "cards" });
  #rows = new Rows(this.#list);
  #words = h("p", { class: "desk-empty", role: "status" }, say("meetings.loading"));
  #more;
  #trouble;

  /**
   * @param {Rest} rest
   * @param {() => void} onNew
   */
  constructor(rest, onNew) {
    this.#rooms = new Rooms(rest);
    this.#more = h("button", { type: "button", class: "secondary more", hidden: true }, say("meetings.more"));
    this.#more.onclick = () => void this.#readMore();
    const make = h("button", { type: "button", class: "primary", onclick: onNew }, icon("plus"), say("meetings.new"));
    this.#trouble = new Trouble(() => void this.#poll.now());
    this.element = h(
      "div",
      { class: "screen" },
      h("div", { class: "screen-head" }, heading(say("meetings.title")), make),
      this.#filter(),
      this.#trouble.element,
      this.#list,
      this.#words,
      this.#more,
    );
    this.#poll = new Poll(() => this.#read(), EVERY_MS);
  }

  close() {
    this.#poll.close();
  }

  #filter() {
    const option = (/** @type {RoomStatus | ""} */ value, /** @type {string} */ words) => h("option", { value }, words);
    const statuses = /** @type {RoomStatus[]} */ (Object.keys(STATUS));
    const options = statuses.map((status) => option(status, say(STATUS[status])));
    const select = h("select", {}, option("", say("meetings.all")), ...options);
    select.onchange = () => {
      this.#rooms.choose(/** @type {RoomStatus | ""} */ (select.value));
      this.#words.textContent = say("meetings.loading");
      this.#show();
      void this.#poll.now();
    };
    return h("label", { class: "filter" }, h("span", {}, say("meetings.filter")), select);
  }

  async #read() {
    try {
      if (!(await this.#rooms.refresh())) return;
      this.#trouble.hide();
      this.#words.textContent = say("meetings.none");
      this.#show();
    } catch (error) {
      this.#trouble.show(error);
      this.#words.hidden = true;
    }
  }

  async #readMore() {
    const first = this.#list.children.length;
    this.#more.disabled = true;
    try {
      if (await this.#rooms.more()) this.#show();
      this.#list.children[first]?.querySelector("a")?.focus();
    } catch (error) {
      tell(error);
    }
    this.#more.disabled = false;
  }

  #show() {
    this.#rows.show(
      this.#rooms.known.map((room) => ({ key: room.id, version: JSON.stringify(room), make: card(room) })),
    );
    this.#words.hidden = this.#rooms.known.length > 0;
    this.#more.hidden = !this.#rooms.hasMore;
  }
}

/** @param {Room} room */
function card(room) {
  return () =>
    h(
      "li",
      { class: "card", "data-status": room.status },
      h("h2", {}, h("a", { href: `#${room.id}` }, h("bdi", {}, titleOf(room)))),
      h(
        "p",
        { class: "card-facts" },
        h("span", { class: "status" }, say(STATUS[room.status])),
        h("span", {}, whenOf(room)),
      ),
    );
}
