/** @import { Rest } from "../protocol.js" */
/** @import { Room } from "../protocol/types.js" */
import { confirmation } from "../view/dialog.js";
import { fill, h } from "../view/dom.js";
import { icon } from "../view/icons.js";
import { Recordings } from "../view/recording/list.js";
import { say } from "../words.js";
import { tell } from "./trouble.js";

/** The recordings of a room, and the button that starts and stops one. */
export class Recorder {
  #rest;
  #roomId;
  #films;
  #button = h("button", {
    type: "button",
    class: "secondary compact",
    hidden: true,
    onclick: () => void this.#toggle(),
  });
  #words = h("p", { class: "desk-empty" });
  /** @type {string | null} the recording that goes on */
  #running = null;

  /**
   * @param {Rest} rest
   * @param {string} roomId
   */
  constructor(rest, roomId) {
    this.#rest = rest;
    this.#roomId = roomId;
    this.#films = new Recordings(roomId, async () => rest);
    const actions = h("div", { class: "part-actions" }, this.#button);
    const none = h("div", { class: "no-films" }, h("h2", {}, say("films.title")), this.#words);
    this.element = h("section", { class: "part films" }, this.#films.element, none, actions);
  }

  close() {
    this.#films.close();
  }

  /**
   * @param {Room} room as it is now
   * @throws {import("../protocol.js").TertuliaError} it cannot be read whether it is recorded
   */
  async show({ status, settings }) {
    const mayRecord = settings.isRecordingEnabled && settings.topology === "sfu";
    const words = say(mayRecord ? "room.noFilms" : "room.notRecordable");
    if (this.#words.textContent !== words) this.#words.textContent = words;
    const isOn = status === "ACTIVE" && mayRecord;
    const films = isOn ? await this.#rest.recordings(this.#roomId) : [];
    const running = films.find((film) => film.status === "recording" && film.kind === "composite")?.id ?? null;
    if (running !== this.#running) this.#films.refresh();
    if (running !== this.#running || !this.#button.firstChild) this.#name(running);
    this.#running = running;
    this.#button.hidden = !isOn;
  }

  /** @param {string | null} running */
  #name(running) {
    fill(this.#button, icon("record"), say(running ? "record.stop" : "record.start"));
  }

  async #toggle() {
    const running = this.#running;
    const asked = running
      ? confirmation(say("record.stopQuestion"), say("record.stop"), { isHarmless: true })
      : confirmation(say("record.startQuestion"), say("record.startConfirm"), {
          words: [say("record.everyoneIsTold"), say("record.what"), say("record.choice")],
          isHarmless: true,
        });
    if (!(await asked)) return;
    this.#button.disabled = true;
    try {
      if (running) await this.#rest.stopRecording(this.#roomId, running);
      else await this.#rest.startRecording(this.#roomId);
      await this.show(await this.#rest.room(this.#roomId));
    } catch (error) {
      tell(error);
    }
    this.#button.disabled = false;
  }
}
