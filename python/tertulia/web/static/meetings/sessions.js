/** @import { SessionView } from "../protocol/types.js" */
import { h } from "../view/dom.js";
import { duration } from "../view/header.js";
import { dateAndTime, say } from "../words.js";
import { Rows } from "./rows.js";

/** The meetings held in a room. */
export class Sessions {
  #words = h("p", { class: "desk-empty" }, say("meetings.loading"));
  #list = h("ul", { class: "sessions" });
  #rows = new Rows(this.#list);

  constructor() {
    this.element = h("section", { class: "part" }, h("h2", {}, say("room.sessions")), this.#words, this.#list);
  }

  /** @param {SessionView[]} sessions */
  show(sessions) {
    this.#words.textContent = say("room.noSessions");
    this.#words.hidden = sessions.length > 0;
    this.#rows.show(
      sessions.map((session) => ({ key: session.id, version: `${session.endTime}`, make: row(session) })),
    );
  }
}

/** @param {SessionView} session */
function row({ startTime, endTime }) {
  const lasted = endTime ? duration(Date.parse(endTime) - Date.parse(startTime)) : say("meetings.active");
  return () => h("li", {}, h("span", {}, dateAndTime(startTime)), h("span", { class: "lasted" }, lasted));
}
