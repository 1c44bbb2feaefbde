/** @import { Rest } from "../protocol.js" */
/** @import { NodeView } from "../protocol/types.js" */
import { h } from "../view/dom.js";
import { percent, say, timeOfDay } from "../words.js";
import { heading } from "./frame.js";
import { Poll } from "./poll.js";
import { Rows } from "./rows.js";
import { Trouble } from "./trouble.js";

const EVERY_MS = 3000;

/** The SFU nodes and their load. */
export class NodesScreen {
  #rest;
  #poll;
  #words = h("p", { class: "desk-empty", role: "status" }, say("meetings.loading"));
  #list = h("ul", { class: "cards" });
  #rows = new Rows(this.#list);
  #trouble = new Trouble(() => void this.#poll.now());

  /** @param {Rest} rest */
  constructor(rest) {
    this.#rest = rest;
    const head = h("div", {}, heading(say("nodes.title")), h("p", { class: "lead" }, say("nodes.lead")));
    this.element = h("div", { class: "screen" }, head, this.#trouble.element, this.#list, this.#words);
    this.#poll = new Poll(() => this.#read(), EVERY_MS);
  }

  close() {
    this.#poll.close();
  }

  async #read() {
    try {
      const nodes = await this.#rest.nodes();
      this.#trouble.hide();
      this.#words.textContent = say("nodes.none");
      this.#words.hidden = nodes.length > 0;
      this.#rows.show(nodes.map((node) => ({ key: node.id, version: JSON.stringify(node), make: card(node) })));
    } catch (error) {
      this.#words.hidden = true;
      this.#trouble.show(error);
    }
  }
}

/** @param {NodeView} node */
function card({ id, region, load, rooms, participants, recordings, draining, lastBeatAt }) {
  return () => {
    const carried = [
      say("nodes.rooms", { count: rooms }),
      say("room.count", { count: participants }),
      recordings > 0 && say("nodes.recordings", { count: recordings }),
    ];
    return h(
      "li",
      { class: "card node", "data-draining": String(draining) },
      h("h2", {}, h("bdi", {}, region), " ", h("bdi", { class: "node-id" }, id)),
      h("p", {}, h("span", { class: "status" }, say(draining ? "nodes.draining" : "nodes.open"))),
      h(
        "label",
        { class: "load" },
        h("span", {}, say("nodes.load", { percent: percent(load) })),
        h("meter", { min: 0, max: 1, high: 0.85, value: load }),
      ),
      h("p", {}, carried.filter(Boolean).join(" · ")),
      h("p", { class: "fine-print" }, say("nodes.beat", { time: timeOfDay(lastBeatAt) })),
    );
  };
}
