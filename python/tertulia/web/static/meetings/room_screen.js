/** @import { Rest } from "../protocol.js" */
/** @import { Room } from "../protocol/types.js" */
import { TertuliaError } from "../protocol.js";
import { confirmation } from "../view/dialog.js";
import { fill, h } from "../view/dom.js";
import { keepToken } from "../view/entry.js";
import { icon } from "../view/icons.js";
import { notice } from "../view/notices.js";
import { say } from "../words.js";
import { heading } from "./frame.js";
import { Links } from "./links.js";
import { PeopleNow } from "./people_now.js";
import { Poll } from "./poll.js";
import { Recorder } from "./recorder.js";
import { roomDialog } from "./room_form.js";
import { STATUS, titleOf, whenOf } from "./room_words.js";
import { Sessions } from "./sessions.js";
import { Trouble, tell } from "./trouble.js";

const EVERY_MS = 4000;

/** One meeting: who is in it, its links, recordings and sessions, and what can be done about it. */
export class RoomScreen {
  #rest;
  #roomId;
  #ownId;
  #poll;
  /** @type {Room | null} */
  #room = null;
  #title = heading("");
  #facts = h("p", { class: "room-facts", role: "status" }, say("meetings.loading"));
  #said = "";
  #actions = h("div", { class: "room-actions", hidden: true });
  #end = secondary("leave", say("end.confirm"), () => void this.#endMeeting());
  #people;
  /** @type {Links | null} */
  #links = null;
  #sessions = new Sessions();
  #recorder;
  #parts;
  #trouble = new Trouble(() => void this.#poll.now());
  /** What the lists of links and sessions were read at. */
  #readAt = "";

  /**
   * @param {Rest} rest
   * @param {string} roomId
   * @param {string | null} ownId who is signed in; null: nobody, but whoever has the key
   */
  constructor(rest, roomId, ownId) {
    this.#ownId = ownId;
    this.#rest = rest;
    this.#roomId = roomId;
    this.#people = new PeopleNow(rest, roomId, () => void this.#poll.now());
    this.#recorder = new Recorder(rest, roomId);
    this.#actions.append(
      h(
        "button",
        { type: "button", class: "primary", onclick: () => void this.#join() },
        icon("camera"),
        say("room.join"),
      ),
      secondary("settings", say("form.edit"), () => this.#change()),
      this.#end,
      secondary("bin", say("action.delete"), () => void this.#delete()),
    );
    this.#parts = h("div", { class: "parts", hidden: true });
    const back = h("a", { class: "back", href: "#" }, icon("previous"), say("meetings.back"));
    const head = h("div", {}, back, this.#title, this.#facts);
    this.element = h("div", { class: "screen" }, head, this.#actions, this.#trouble.element, this.#parts);
    this.#poll = new Poll(() => this.#read(), EVERY_MS);
  }

  close() {
    this.#poll.close();
    this.#recorder.close();
  }

  async #read() {
    try {
      const room = await this.#rest.room(this.#roomId);
      const people = room.status === "ACTIVE" ? await this.#rest.participants(this.#roomId) : [];
      this.#show(room);
      this.#people.show(people);
      await this.#recorder.show(room);
      // Uses of links, and sessions, change with who is here.
      const at = JSON.stringify([room.status, people.map(({ userId }) => userId)]);
      if (at !== this.#readAt) {
        this.#sessions.show(await this.#rest.sessions(this.#roomId));
        if (this.#readAt) void this.#links?.refresh();
      }
      this.#readAt = at;
      this.#trouble.hide();
    } catch (error) {
      if (error instanceof TertuliaError && error.code === "not_found") return this.#gone();
      this.#trouble.show(error);
    }
  }

  /** @param {Room} room */
  #show(room) {
    const title = titleOf(room);
    if (this.#title.textContent !== title) fill(this.#title, h("bdi", {}, title));
    const facts = `${say(STATUS[room.status])} · ${whenOf(room)}`;
    if (this.#said !== facts) fill(this.#facts, facts);
    this.#said = facts;
    this.#facts.dataset.status = room.status;
    this.#end.hidden = room.status !== "ACTIVE";
    this.#actions.hidden = false;
    if (!this.#links) {
      this.#links = new Links(this.#rest, room);
      const parts = [this.#people.element, this.#links.element, this.#recorder.element, this.#sessions.element];
      fill(this.#parts, ...parts);
      this.#parts.hidden = false;
    }
    this.#links.update(room);
    this.#room = room;
  }

  #gone() {
    this.close();
    fill(this.#title, say("refused.unknown"));
    this.#facts.textContent = say("room.goneLead");
    this.#actions.hidden = true;
    this.#parts.hidden = true;
    this.#trouble.hide();
  }

  /**
   * Goes to the meeting, as its host or, by a sign-in, as oneself: the token is kept in this tab, and in no address. Who
   * has that seat is not put out of it unasked.
   */
  async #join() {
    const { id, hostUserId } = /** @type {Room} */ (this.#room);
    const userId = this.#ownId ?? hostUserId;
    try {
      const people = await this.#rest.participants(id);
      if (people.some((person) => person.userId === userId) && !(await confirmSeat(this.#ownId !== null))) return;
      keepToken(id, (await this.#rest.join(id, userId)).token);
      location.assign(`/r/${id}`);
    } catch (error) {
      tell(error);
    }
  }

  #change() {
    roomDialog(this.#room, async (facts) => {
      this.#show(await this.#rest.changeRoom(this.#roomId, facts));
      notice(say("form.saved"));
      void this.#poll.now();
    });
  }

  async #endMeeting() {
    if (!(await confirmation(say("end.question"), say("end.confirm")))) return;
    try {
      await this.#rest.endRoom(this.#roomId);
      notice(say("room.ended"));
      await this.#poll.now();
    } catch (error) {
      tell(error);
    }
  }

  async #delete() {
    const words = [say("room.deleteLinks"), say("room.deleteFilms")];
    if (!(await confirmation(say("room.deleteQuestion"), say("action.delete"), { words }))) return;
    try {
      await this.#rest.deleteRoom(this.#roomId);
      notice(say("room.deleted"));
      location.hash = "";
    } catch (error) {
      tell(error);
    }
  }
}

/** @param {boolean} isOwn the seat is one's own, not that of the host for whom the key speaks */
function confirmSeat(isOwn) {
  const question = say(isOwn ? "room.ownSeatQuestion" : "room.seatQuestion");
  const words = [say(isOwn ? "room.ownSeatLead" : "room.seatLead")];
  return confirmation(question, say("room.join"), { words, isHarmless: true });
}

/**
 * @param {import("../view/icons.js").IconName} name
 * @param {string} words
 * @param {() => void} onclick
 */
function secondary(name, words, onclick) {
  return h("button", { type: "button", class: "secondary", onclick }, icon(name), words);
}
