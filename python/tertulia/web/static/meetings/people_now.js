/** @import { Rest } from "../protocol.js" */
/** @import { Participant } from "../protocol/types.js" */
import { confirmation } from "../view/dialog.js";
import { h, initials, tint } from "../view/dom.js";
import { iconButton } from "../view/icon_button.js";
import { notice } from "../view/notices.js";
import { plain, say, timeOfDay } from "../words.js";
import { Rows } from "./rows.js";
import { tell } from "./trouble.js";

/** Who is in the meeting now; they can be removed. */
export class PeopleNow {
  #rest;
  #roomId;
  #onChange;
  #count = h("p", { class: "desk-empty", role: "status" });
  #list = h("ul", { class: "people-list" });
  #rows = new Rows(this.#list);

  /**
   * @param {Rest} rest
   * @param {string} roomId
   * @param {() => void} onChange somebody was removed
   */
  constructor(rest, roomId, onChange) {
    this.#rest = rest;
    this.#roomId = roomId;
    this.#onChange = onChange;
    this.element = h("section", { class: "part" }, h("h2", {}, say("room.now")), this.#count, this.#list);
  }

  /** @param {Participant[]} people */
  show(people) {
    const words = people.length ? say("room.count", { count: people.length }) : say("room.nobody");
    if (this.#count.textContent !== words) this.#count.textContent = words;
    const rows = people.map((person) => ({
      key: person.userId,
      version: JSON.stringify([person.displayName, person.role, person.isGuest, person.joinedAt]),
      make: () => this.#row(person),
    }));
    this.#rows.show(rows);
  }

  /** @param {Participant} person */
  #row(person) {
    const { userId, displayName: name, role, isGuest, joinedAt } = person;
    const notes = [
      role === "host" && say("people.host"),
      isGuest && say("people.guest"),
      say("room.since", { time: timeOfDay(joinedAt) }),
    ];
    const remove = iconButton("remove", say("people.remove", { name }), () => void this.#remove(person));
    return h(
      "li",
      {},
      h("span", { class: `face ${tint(userId)}`, "aria-hidden": "true" }, initials(name)),
      h(
        "div",
        { class: "who" },
        h("span", { class: "name" }, h("bdi", {}, name)),
        h("small", {}, plain(notes.filter(Boolean).join(" · "))),
      ),
      remove,
    );
  }

  /** @param {Participant} person */
  async #remove({ userId, displayName: name, isGuest }) {
    if (!(await confirmation(say("people.removeQuestion", { name }), say("action.remove")))) return;
    try {
      await this.#rest.removeParticipant(this.#roomId, userId, isGuest);
      notice(say("people.removed", { name }));
      this.#onChange();
    } catch (error) {
      tell(error);
    }
  }
}
