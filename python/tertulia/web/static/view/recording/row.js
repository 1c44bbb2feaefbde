/** @import { Library } from "../../protocol.js" */
/** @import { Film } from "../../protocol/library.js" */
/** @import { Layout } from "../../protocol/types.js" */
import { plain, say } from "../../words.js";
import { confirmation, openDialog } from "../dialog.js";
import { fill, h, label } from "../dom.js";
import { iconButton } from "../icon_button.js";
import { icon } from "../icons.js";
import { fail, notice } from "../notices.js";
import { date, details, downloadUrl, isReady, LAYOUTS, progressWords } from "./film.js";
import { Player } from "./player.js";

/** One recording in the list: what it is, how far it is, and what can be done with it. */
export class FilmRow {
  #library;
  #film;
  /** @type {Player | null} */
  #player = null;
  #details = h("p", { class: "film-details" });
  #words = h("p", { class: "film-words" });
  #bar = h("progress", { max: 1 });
  #play;
  #again;
  #download;
  #compose;
  #remove;
  #place = h("div", {});

  /**
   * @param {Library} library
   * @param {Film} film
   */
  constructor(library, film) {
    this.#library = library;
    this.#film = film;
    this.#play = h("button", { type: "button", class: "secondary", onclick: () => this.#toggle() });
    this.#play.setAttribute("aria-expanded", "false");
    const again = { type: "button", class: "secondary", onclick: () => void this.#onAgain() };
    this.#again = h("button", again, say("action.retry"));
    this.#download = h("a", { class: "quiet", target: "_blank" }, icon("download"));
    label(this.#download, say("action.download"));
    this.#compose = iconButton("layout", say("film.another"), () => void this.#onCompose());
    this.#remove = iconButton("bin", say("action.delete"), () => void this.#onRemove());
    this.#bar.setAttribute("aria-label", say("film.progress"));
    this.element = h(
      "li",
      { class: "film" },
      h("div", { class: "film-text" }, h("h3", {}, date(film)), this.#details, this.#words, this.#bar),
      h("div", { class: "film-actions" }, this.#play, this.#again, this.#download, this.#compose, this.#remove),
      this.#place,
    );
    this.#showPlay();
  }

  /** @param {Film} film as it is now */
  update(film) {
    this.#film = film;
    const { status, progress, url } = film;
    this.#details.textContent = details(film);
    const words = progressWords(film);
    this.#words.hidden = words === "";
    fill(this.#words, words);
    this.element.dataset.status = status;
    this.#bar.hidden = status !== "processing";
    if (progress && progress.stage !== "waiting")
      this.#bar.value = progress.stage === "uploading" ? 1 : progress.fraction;
    else this.#bar.removeAttribute("value");
    this.#play.hidden = this.#download.hidden = !isReady(film);
    this.#again.hidden = status !== "failed";
    if (url) this.#download.href = downloadUrl(url);
    this.#compose.hidden = status === "recording" || status === "empty" || status === "processing";
    this.#remove.hidden = status === "recording";
    if (!isReady(film)) this.#closePlayer();
  }

  close() {
    this.#closePlayer();
    this.element.remove();
  }

  #toggle() {
    if (this.#player) this.#closePlayer();
    else {
      this.#player = new Player(this.#film, plain(say("film.label", { date: date(this.#film) })), () => this.#fresh());
      this.#place.append(this.#player.element);
    }
    this.#showPlay();
  }

  #closePlayer() {
    this.#player?.close();
    this.#player = null;
    this.#showPlay();
  }

  #showPlay() {
    const isOpen = this.#player !== null;
    this.#play.replaceChildren(icon(isOpen ? "close" : "film"), say(isOpen ? "action.close" : "film.watch"));
    this.#play.setAttribute("aria-expanded", String(isOpen));
  }

  /** @returns {Promise<Film | undefined>} as the server has it now */
  async #fresh() {
    await this.#library.read();
    return this.#library.films.find(({ id }) => id === this.#film.id);
  }

  async #onRemove() {
    const words = [say(this.#film.recordingId ? "film.deleteLayout" : "film.deleteAll")];
    if (!(await confirmation(say("film.deleteQuestion"), say("action.delete"), { words }))) return;
    await this.#run(this.#library.remove(this.#film.id), say("film.deleted"));
  }

  async #onAgain() {
    await this.#run(this.#library.compose(this.#film.id, this.#film.layout ?? "grid"), say("film.madeAgain"));
  }

  async #onCompose() {
    const layout = await chooseLayout(this.#film.layout ?? null);
    if (layout) await this.#run(this.#library.compose(this.#film.id, layout), say("film.anotherBegins"));
  }

  /**
   * @param {Promise<void>} call
   * @param {string} done
   */
  async #run(call, done) {
    try {
      await call;
      notice(done);
    } catch (error) {
      fail(error);
    }
  }
}

/**
 * Asks which layout to make.
 *
 * @param {Layout | null} made the one that there is
 * @returns {Promise<Layout | null>} null: none
 */
function chooseLayout(made) {
  return new Promise((resolve) => {
    const others = Object.entries(LAYOUTS).filter(([layout]) => layout !== made);
    const radios = others.map(([value, words], i) => {
      const input = h("input", { type: "radio", name: "layout", value, checked: i === 0 });
      return h("label", { class: "check" }, input, say(words));
    });
    const make = () => {
      const chosen = radios.map((label) => label.querySelector("input")).find((input) => input?.checked);
      resolve(/** @type {Layout | null} */ (chosen?.value ?? null));
      dialog.close();
    };
    const dialog = openDialog(
      say("film.another"),
      h("p", { class: "film-words" }, say("film.anotherLead")),
      h("fieldset", {}, h("legend", { class: "hidden" }, say("film.layout")), ...radios),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { type: "button", class: "secondary", onclick: () => dialog.close() }, say("action.cancel")),
        h("button", { type: "button", class: "primary", onclick: make }, say("film.make")),
      ),
    );
    dialog.addEventListener("close", () => resolve(null));
  });
}
