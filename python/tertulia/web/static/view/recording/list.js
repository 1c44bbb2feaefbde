/** @import { Film, LibraryState } from "../../protocol/library.js" */
/** @import { Rest, TertuliaError } from "../../protocol.js" */
import { Library } from "../../protocol.js";
import { say } from "../../words.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { notice } from "../notices.js";
import { explainCall } from "../problem.js";
import { date, isReady } from "./film.js";
import { FilmRow } from "./row.js";

/** So many are shown at first. */
const FEW = 5;

/** The recordings of a room, for its hosts: nothing is shown of a room that has none. */
export class Recordings {
  #library;
  #note = h("p", { class: "trouble", role: "alert", hidden: true });
  #list = h("ul", { class: "film-list" });
  /** @type {Map<string, FilmRow>} */
  #rows = new Map();
  /** @type {Set<string>} ids of what was not finished when it was seen last */
  #awaited = new Set();
  #most = FEW;
  #more;

  /**
   * @param {string} roomId
   * @param {() => Promise<Rest>} rest the API, called as a host
   */
  constructor(roomId, rest) {
    this.#library = new Library(roomId, rest);
    this.#library.on("changed", (state) => this.#show(state));
    this.#more = h("button", { type: "button", class: "secondary", hidden: true, onclick: () => this.#showAll() });
    this.element = h(
      "section",
      { class: "recordings", hidden: true, "aria-label": say("films.title") },
      h("h2", {}, icon("film"), say("films.title")),
      this.#note,
      this.#list,
      this.#more,
    );
    void this.#library.read();
  }

  /** Reads the list now: something has begun or ended. */
  refresh() {
    void this.#library.read();
  }

  close() {
    this.#library.close();
    for (const row of this.#rows.values()) row.close();
  }

  /** @param {LibraryState} state */
  #show(state) {
    const { films } = this.#library;
    const trouble = state.is === "failed" ? explainListing(state.error) : "";
    this.#note.hidden = trouble === "";
    if (this.#note.textContent !== trouble) this.#note.textContent = trouble;
    this.element.hidden = films.length === 0 && trouble === "";
    this.#announce(films);
    this.#showRows(films.slice(0, this.#most));
    this.#more.hidden = films.length <= this.#most;
    this.#more.textContent = say("films.showAll", { count: films.length });
  }

  /** @param {Film[]} films */
  #showRows(films) {
    const ids = new Set(films.map(({ id }) => id));
    for (const [id, row] of this.#rows) if (!ids.has(id)) this.#drop(id, row);
    films.forEach((film, i) => void this.#place(film, i));
  }

  #showAll() {
    const next = this.#list.children.length;
    this.#most = Infinity;
    this.#show(this.#library.state);
    /** @type {HTMLElement | null} */
    const first = this.#list.children[next]?.querySelector("button:not([hidden])") ?? null;
    first?.focus();
  }

  /**
   * @param {Film} film
   * @param {number} at
   */
  #place(film, at) {
    const row = this.#rows.get(film.id) ?? new FilmRow(this.#library, film);
    this.#rows.set(film.id, row);
    row.update(film);
    const standing = this.#list.children[at] ?? null;
    if (standing !== row.element) this.#list.insertBefore(row.element, standing);
  }

  /**
   * @param {string} id
   * @param {FilmRow} row
   */
  #drop(id, row) {
    row.close();
    this.#rows.delete(id);
  }

  /** @param {Film[]} films */
  #announce(films) {
    for (const film of films) {
      if (isReady(film) && this.#awaited.delete(film.id)) notice(say("films.isReady", { date: date(film) }));
      if (!isReady(film)) this.#awaited.add(film.id);
    }
  }
}

/**
 * @param {TertuliaError} error
 * @returns {string} "" if nobody needs to know
 */
export function explainListing(error) {
  switch (error.code) {
    case "unauthorized":
    case "forbidden":
      return say("films.expired");
    case "not_found":
      return "";
    case "unreachable":
      return say("films.old");
    default:
      return explainCall(error);
  }
}
