/** @import { Rest } from "./rest.js" */
/** @import { Layout, RecordingView } from "./types.js" */
import { Emitter } from "./emitter.js";
import { TertuliaError } from "./errors.js";

/** While something is being made the list is read again after this time, and then more and more seldom. */
const FIRST_MS = 2000;
const LONGEST_MS = 30_000;
/** By how much the pause grows when nothing has changed. */
const GROWTH = 1.5;
/** Signed addresses are renewed so long before they expire. */
const MARGIN_MS = 60_000;
/** The longest that a timer can wait. */
const FOREVER_MS = 2 ** 31 - 1;

/**
 * A film of a meeting. `recordedAt` is when the recording began, whenever the film was made of it; `tracks` are what each
 * person sent.
 *
 * @typedef {RecordingView & {recordedAt: string, tracks: RecordingView[]}} Film
 *
 * @typedef {{is: "loading"} | {is: "listed", films: Film[]} | {is: "failed", error: TertuliaError, films: Film[]}} LibraryState
 *   `films` of a failed reading are those of the one before.
 *
 * @typedef {object} LibraryEvents
 * @property {LibraryState} changed
 */

/**
 * The recordings of a room. They are read again while one of them is being made, and before their addresses expire.
 *
 * @extends {Emitter<LibraryEvents>}
 */
export class Library extends Emitter {
  #roomId;
  #rest;
  /** @type {LibraryState} */
  #state = { is: "loading" };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #pause = FIRST_MS;
  /** Counts the readings: the answer to an older one is passed over. */
  #reading = 0;
  #isOpen = true;

  /**
   * @param {string} roomId
   * @param {() => Promise<Rest>} rest the API, called as a host
   */
  constructor(roomId, rest) {
    super();
    this.#roomId = roomId;
    this.#rest = rest;
  }

  /** @returns {LibraryState} */
  get state() {
    return this.#state;
  }

  /** @returns {Film[]} the newest first */
  get films() {
    return this.#state.is === "loading" ? [] : this.#state.films;
  }

  /** Reads the list now. */
  async read() {
    const reading = ++this.#reading;
    clearTimeout(this.#timer);
    const state = await this.#list();
    if (reading !== this.#reading || !this.#isOpen) return;
    const before = essence(this.films);
    this.#state = state;
    this.#pause = essence(this.films) === before ? Math.min(LONGEST_MS, this.#pause * GROWTH) : FIRST_MS;
    this.#schedule();
    this.emit("changed", state);
  }

  /**
   * Deletes a film and what belongs to it.
   *
   * @param {string} recordingId
   * @throws {TertuliaError}
   */
  async remove(recordingId) {
    await (await this.#rest()).deleteRecording(this.#roomId, recordingId);
    await this.read();
  }

  /**
   * Has another film made of the same recording.
   *
   * @param {string} recordingId
   * @param {Layout} layout
   * @throws {TertuliaError}
   */
  async compose(recordingId, layout) {
    await (await this.#rest()).compose(this.#roomId, recordingId, layout);
    this.#pause = FIRST_MS;
    await this.read();
  }

  /** Reads no more. */
  close() {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  /** @returns {Promise<LibraryState>} */
  async #list() {
    try {
      return { is: "listed", films: filmsOf(await (await this.#rest()).recordings(this.#roomId)) };
    } catch (error) {
      const known = error instanceof TertuliaError ? error : new TertuliaError("internal", String(error));
      return { is: "failed", error: known, films: this.films };
    }
  }

  #schedule() {
    const wait = this.#wait();
    if (wait !== null) this.#timer = setTimeout(() => void this.read(), Math.min(wait, FOREVER_MS));
  }

  /** @returns {number | null} how long until the next reading; null: there is no need for one */
  #wait() {
    if (this.#state.is === "failed") return isLasting(this.#state.error) ? null : this.#pause;
    if (this.films.some(isUnfinished)) return this.#pause;
    const expiries = this.films.flatMap(({ expiresAt }) => (expiresAt ? [Date.parse(expiresAt)] : []));
    return expiries.length ? Math.max(LONGEST_MS, Math.min(...expiries) - MARGIN_MS - Date.now()) : null;
  }
}

/**
 * Puts the tracks of each film with it. Films of the same recording share them.
 *
 * @param {RecordingView[]} views
 * @returns {Film[]} in the order of their films
 */
export function filmsOf(views) {
  const byId = new Map(views.map((view) => [view.id, view]));
  const tracks = views.filter(({ kind }) => kind === "track");
  return views
    .filter(({ kind }) => kind === "composite")
    .map((film) => {
      const recording = film.recordingId ?? film.id;
      const recordedAt = byId.get(recording)?.createdAt ?? film.createdAt;
      return { ...film, recordedAt, tracks: tracks.filter((track) => track.recordingId === recording) };
    });
}

/**
 * @param {Film[]} films
 * @returns {string} the same as long as nothing has moved: signed addresses may be others each time
 */
function essence(films) {
  return JSON.stringify(
    films.map(({ id, status, progress, error, tracks }) => [id, status, progress, error, tracks.length]),
  );
}

/** @param {Film} film */
function isUnfinished({ status }) {
  return status === "recording" || status === "processing";
}

/** @param {TertuliaError} error whether asking again would get the same answer */
function isLasting({ status }) {
  return status >= 400 && status < 500 && status !== 429;
}
