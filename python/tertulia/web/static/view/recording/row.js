/** @import { Library } from "../../protocol.js" */
/** @import { Film } from "../../protocol/library.js" */
/** @import { Layout } from "../../protocol/types.js" */
import { confirmation, openDialog } from "../dialogs.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { notice } from "../notices.js";
import { date, details, downloadUrl, isReady, LAYOUTS, progressWords } from "./film.js";
import { Player } from "./player.js";

const ALL_GONE = "The video, its other layouts and the sound of each person are deleted for good, for everyone.";
const LAYOUT_GONE = "This video is deleted for good, for everyone. The recording’s other layouts stay.";

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
    this.#again = h("button", again, "Try again");
    this.#download = h("a", { class: "quiet", title: "Download", target: "_blank" }, icon("download"));
    this.#compose = quiet("layout", "Make another layout", () => void this.#onCompose());
    this.#remove = quiet("bin", "Delete", () => void this.#onRemove());
    this.#bar.setAttribute("aria-label", "Progress");
    this.element = h(
      "li",
      { class: "film" },
      h("div", { class: "film-text" }, h("h3", {}, date(film)), this.#details, this.#words, this.#bar),
      h("div", { class: "film-actions" }, this.#play, this.#again, this.#download, this.#compose, this.#remove),
      this.#place,
    );
    this.#download.setAttribute("aria-label", "Download");
    this.#showPlay();
  }

  /** @param {Film} film as it is now */
  update(film) {
    this.#film = film;
    const { status, progress, url } = film;
    this.#details.textContent = details(film);
    const words = progressWords(film);
    this.#words.hidden = words === "";
    this.#words.textContent = words;
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
      this.#player = new Player(this.#film, `Recording of ${date(this.#film)}`, () => this.#fresh());
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
    this.#play.replaceChildren(icon(isOpen ? "close" : "film"), isOpen ? "Close" : "Watch");
    this.#play.setAttribute("aria-expanded", String(isOpen));
  }

  /** @returns {Promise<Film | undefined>} as the server has it now */
  async #fresh() {
    await this.#library.read();
    return this.#library.films.find(({ id }) => id === this.#film.id);
  }

  async #onRemove() {
    const words = [this.#film.recordingId ? LAYOUT_GONE : ALL_GONE];
    if (!(await confirmation("Delete this recording?", "Delete", { words }))) return;
    await this.#run(this.#library.remove(this.#film.id), "The recording was deleted.");
  }

  async #onAgain() {
    await this.#run(this.#library.compose(this.#film.id, this.#film.layout ?? "grid"), "The video is made again.");
  }

  async #onCompose() {
    const layout = await chooseLayout(this.#film.layout ?? null);
    if (layout) await this.#run(this.#library.compose(this.#film.id, layout), "Another video is being made.");
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
      notice(error instanceof Error ? error.message : String(error));
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
      return h("label", { class: "check" }, input, words);
    });
    const make = () => {
      const chosen = radios.map((label) => label.querySelector("input")).find((input) => input?.checked);
      resolve(/** @type {Layout | null} */ (chosen?.value ?? null));
      dialog.close();
    };
    const dialog = openDialog(
      "Make another layout",
      h("p", { class: "film-words" }, "Another video is made of the same recording. The first one stays."),
      h("fieldset", {}, h("legend", { class: "hidden" }, "Layout"), ...radios),
      h(
        "div",
        { class: "dialog-actions" },
        h("button", { type: "button", class: "secondary", onclick: () => dialog.close() }, "Cancel"),
        h("button", { type: "button", class: "primary", onclick: make }, "Make it"),
      ),
    );
    dialog.addEventListener("close", () => resolve(null));
  });
}

/**
 * @param {import("../icons.js").IconName} name
 * @param {string} label
 * @param {() => void} onclick
 */
function quiet(name, label, onclick) {
  const button = h("button", { type: "button", class: "quiet", title: label, onclick }, icon(name));
  button.setAttribute("aria-label", label);
  return button;
}
