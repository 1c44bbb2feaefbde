/** @import { Film } from "../../protocol/library.js" */
import { say } from "../../words.js";
import { h } from "../dom.js";
import { follow } from "./follower.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const EVERYONE = "";

/**
 * What is heard: the film's own sound, or what one person said, by sounds that follow the picture.
 *
 * @typedef {{is: "everyone"} | {is: "person", userId: string, end: () => void}} Heard
 */

/** Plays a film, at a chosen speed, with everyone's sound or that of one person. */
export class Player {
  #film;
  #video;
  #fresh;
  /** @type {Heard} */
  #heard = { is: "everyone" };
  #sounds = h("div", { hidden: true });
  #failure = h("p", { class: "trouble", role: "alert", hidden: true });
  #person;
  /** Where an address that had expired was renewed: it is not tried again there. */
  #renewedAt = -1;

  /**
   * @param {Film} film ready
   * @param {string} title
   * @param {() => Promise<Film | undefined>} fresh the same film with addresses that are valid now
   */
  constructor(film, title, fresh) {
    this.#film = film;
    this.#fresh = fresh;
    this.#video = h("video", { controls: true, playsInline: true, preload: "metadata", src: film.url ?? "" });
    this.#video.setAttribute("aria-label", title);
    this.#video.addEventListener("error", () => void this.#renew());
    this.#video.addEventListener("volumechange", () => this.#onVolume());
    this.#person = this.#personChoice();
    this.element = h(
      "div",
      { class: "player" },
      this.#video,
      this.#failure,
      h("div", { class: "player-choices" }, this.#person, this.#speedChoice()),
      this.#sounds,
    );
  }

  close() {
    this.#hearEveryone();
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.load();
    this.element.remove();
  }

  #speedChoice() {
    const options = SPEEDS.map((speed) =>
      h("option", { value: String(speed) }, say(speed === 1 ? "player.normal" : "player.times", { factor: speed })),
    );
    const select = h("select", {}, ...options);
    select.value = "1";
    select.onchange = () => {
      this.#video.playbackRate = Number(select.value);
    };
    // The browser's own controls can change it, too.
    this.#video.addEventListener("ratechange", () => {
      select.value = String(this.#video.playbackRate);
    });
    return choice(say("player.speed"), select);
  }

  /** @returns {HTMLElement | null} null: there is no sound of single people */
  #personChoice() {
    const people = new Map(
      this.#voices().map(({ userId, userName }) => [userId ?? "", userName ?? say("meeting.someone")]),
    );
    if (people.size === 0) return null;
    // An option takes no <bdi>: the name stays isolated by the characters in the text.
    const options = [...people].map(([userId, name]) =>
      h("option", { value: userId, textContent: say("player.only", { name }) }),
    );
    const select = h("select", {}, h("option", { value: EVERYONE }, say("player.everyone")), ...options);
    select.onchange = () => (select.value === EVERYONE ? this.#hearEveryone() : this.#hear(select.value));
    return choice(say("player.sound"), select);
  }

  #voices() {
    return this.#film.tracks.filter(({ source, status, url }) => source === "microphone" && status === "ready" && url);
  }

  /** @param {string} userId */
  #hear(userId) {
    this.#endSounds();
    const ends = this.#voices()
      .filter((track) => track.userId === userId)
      .map(({ url, offset }) => {
        const sound = h("audio", { preload: "auto", src: url, volume: this.#video.volume });
        this.#sounds.append(sound);
        const end = follow(this.#video, sound, offset ?? 0);
        return () => {
          end();
          sound.removeAttribute("src");
          sound.remove();
        };
      });
    this.#heard = { is: "person", userId, end: () => ends.forEach((end) => void end()) };
    this.#video.muted = true;
  }

  #hearEveryone() {
    if (this.#heard.is === "everyone") return;
    this.#endSounds();
    this.#video.muted = false;
  }

  #endSounds() {
    const heard = this.#heard;
    this.#heard = { is: "everyone" };
    if (heard.is === "person") heard.end();
  }

  /** Who turns the film's own sound on wants to hear it; the volume is that of whatever is heard. */
  #onVolume() {
    if (this.#heard.is === "everyone") return;
    for (const sound of this.#sounds.querySelectorAll("audio")) sound.volume = this.#video.volume;
    if (this.#video.muted) return;
    this.#endSounds();
    const select = this.#person?.querySelector("select");
    if (select) select.value = EVERYONE;
  }

  /** The address may have expired: goes on with a new one from where it was. */
  async #renew() {
    const at = this.#video.currentTime;
    const plays = !this.#video.paused;
    const film = at === this.#renewedAt ? undefined : await this.#fresh().catch(() => undefined);
    this.#renewedAt = at;
    if (!film?.url) {
      this.#failure.textContent = say("player.failed");
      this.#failure.hidden = false;
      return;
    }
    this.#film = film;
    this.#video.src = film.url;
    this.#video.currentTime = at;
    if (plays) await this.#video.play().catch(() => {});
    const heard = this.#heard;
    if (heard.is === "person") this.#hear(heard.userId);
  }
}

/**
 * @param {string} label
 * @param {HTMLSelectElement} select
 */
function choice(label, select) {
  return h("label", { class: "player-choice" }, h("span", {}, label), select);
}
