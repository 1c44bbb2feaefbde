/** @import { Meeting } from "../meeting.js" */
/** @import { LocalMedia } from "../media.js" */
/** @import { LinkReport, RemoteTrack } from "../media/link.js" */
/** @import { Member } from "../protocol/roster.js" */
/** @import { VideoLimit } from "../protocol/types.js" */
/** @import { FirstPictures } from "./picture.js" */
import { say } from "../words.js";
import { arrange } from "./arrangement.js";
import { h } from "./dom.js";
import { Pager } from "./pager.js";
import { preferences } from "./preferences.js";
import { Speakers } from "./speakers.js";
import { Tile } from "./tile.js";

/** @import { Item, Person, Placed, Share } from "./arrangement.js" */

/** The tiles of a meeting. Who has one, where, and how large is {@link arrange}'s. */
export class Grid {
  #meeting;
  #local;
  #pictures;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {import("./arrangement.js").Memory} */
  #memory = { seen: [], speaker: "" };
  /** @type {import("./arrangement.js").Wishes} */
  #wishes;
  #speakers = new Speakers();
  /** @type {Set<string>} */
  #paused = new Set();
  /** @type {Set<string>} */
  #limited = new Set();
  #pager = new Pager((by) => this.#turn(by));
  #onChanged;
  #onVolume;
  /** Whose camera was seen to film last time it had a tile, though they do not say that it is on. @type {Set<string>} */
  #unannounced = new Set();
  #observer = new ResizeObserver(() => this.update());
  #scheduled = false;

  /**
   * @param {Meeting} meeting
   * @param {LocalMedia} local
   * @param {FirstPictures} pictures that play already; closed once there are tiles
   * @param {object} actions
   * @param {() => void} actions.onChanged {@link pinnedUser} or {@link films} says something else
   * @param {(userId: string) => void} actions.onVolume somebody's volume is to be changed
   */
  constructor(meeting, local, pictures, { onChanged, onVolume }) {
    this.#meeting = meeting;
    this.#local = local;
    this.#pictures = pictures;
    this.#onChanged = onChanged;
    this.#onVolume = onVolume;
    const { layout, hidesSelf } = preferences();
    this.#wishes = { layout, hidesSelf, pinned: "", page: 0 };
    /** Turns the pages. It is not part of the grid's element. */
    this.pager = this.#pager.element;
    this.element = h("section", { class: "grid", "aria-label": say("tiles.label"), tabIndex: -1 });
    this.#observer.observe(this.element);
  }

  /** @returns {string} whose camera is pinned; "": nobody's */
  get pinnedUser() {
    const [userId = "", source] = this.#wishes.pinned.split("/");
    return source === "camera" ? userId : "";
  }

  /**
   * Whether somebody's camera is on: they say so, or it was seen.
   *
   * @param {Member} member
   */
  films({ userId, isVideoOn }) {
    return isVideoOn || this.#unannounced.has(userId);
  }

  /** @param {string} userId whose camera is pinned, or no longer */
  togglePin(userId) {
    this.#togglePin(`${userId}/camera`);
  }

  /** @param {Pick<import("./arrangement.js").Wishes, "layout" | "hidesSelf">} wishes how the tiles are laid out from now on */
  choose({ layout, hidesSelf }) {
    Object.assign(this.#wishes, { layout, hidesSelf, page: 0 });
    this.update();
  }

  /** @returns {HTMLVideoElement | null} the largest picture of another, else our own */
  largestVideo() {
    const shown = [...this.element.querySelectorAll("video")].filter((video) => video.closest(".has-picture"));
    const area = (/** @type {HTMLVideoElement} */ video) =>
      video.clientWidth * video.clientHeight * (video.closest(".own") ? 0.01 : 1);
    return shown.sort((a, b) => area(b) - area(a))[0] ?? null;
  }

  /** Plays all pictures again. */
  play() {
    // Refused or interrupted: the next frame comes by itself, or there is none.
    for (const video of this.element.querySelectorAll("video")) if (video.srcObject) video.play().catch(() => {});
  }

  /** @param {string[]} userIds who speaks */
  setSpeakers(userIds) {
    this.#speakers.set(userIds, performance.now());
    this.schedule();
  }

  /** @param {Pick<LinkReport, "qualities" | "filming">} report */
  takeReport({ qualities, filming }) {
    for (const [key, tile] of this.#tiles) {
      const userId = key.slice(0, key.indexOf("/"));
      const quality = qualities.get(userId === this.#meeting.userId ? "" : userId);
      tile.takeReport(quality ?? null, filming.has(userId));
    }
  }

  /** @param {string[]} videos that do not fit through our line, each as `userId/source` */
  setPaused(videos) {
    this.#paused = new Set(videos);
    for (const [key, tile] of this.#tiles) tile.setPaused(this.#paused.has(key));
  }

  /** @param {VideoLimit[]} limits the videos of which less than wanted fits through our line */
  setLimited(limits) {
    this.#limited = new Set(limits.map(({ userId, source }) => `${userId}/${source}`));
    for (const [key, tile] of this.#tiles) tile.setLimited(this.#limited.has(key));
  }

  /** Updates before the next frame, once for all changes until then. */
  schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.update();
    });
  }

  /** Lays out the tiles. */
  update() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || height === 0) return;
    const tracks = this.#meeting.tracks().filter(({ kind }) => kind === "video");
    const now = performance.now();
    const meeting = { people: this.#people(now), shares: this.#shares(tracks) };
    const arranged = arrange(meeting, this.#wishes, { width, height }, this.#memory, now);
    this.#memory = arranged.memory;
    this.#wishes.page = arranged.page;
    this.#pager.update(arranged.page, arranged.pages);
    this.#show(arranged.placed, tracks);
    this.#pictures.close();
    this.#want(arranged.placed);
  }

  close() {
    this.#observer.disconnect();
    this.#pictures.close();
    const tiles = [...this.#tiles.values()];
    this.#tiles.clear();
    for (const tile of tiles) tile.close();
  }

  /**
   * @param {number} now
   * @returns {Person[]} ourselves last
   */
  #people(now) {
    // Who says that their camera is on will say when it is off, too.
    for (const userId of this.#unannounced) {
      if (this.#meeting.roster.get(userId)?.isVideoOn ?? true) this.#unannounced.delete(userId);
    }
    const self = this.#meeting.userId;
    const people = this.#meeting.roster.all.map((member) => ({
      userId: member.userId,
      isSelf: member.userId === self,
      handRaised: member.handRaised,
      hasCamera: this.films(member),
      spokeAt: this.#speakers.spokeAt(member.userId, now),
      isSpotlit: member.isSpotlit,
    }));
    return [...people.filter(({ isSelf }) => !isSelf), ...people.filter(({ isSelf }) => isSelf)];
  }

  /**
   * @param {RemoteTrack[]} tracks
   * @returns {Share[]} in the order in which they began
   */
  #shares(tracks) {
    const shares = tracks.flatMap(({ source, userId, since }) => {
      if (source !== "screen" || !userId || !this.#meeting.roster.get(userId)) return [];
      return [{ userId, since, isSelf: false }];
    });
    if (this.#local.isSharing) shares.push({ userId: this.#meeting.userId, since: Infinity, isSelf: true });
    return shares.sort((a, b) => (a.since < b.since ? -1 : 1));
  }

  /**
   * @param {Placed[]} placed
   * @param {RemoteTrack[]} tracks
   */
  #show(placed, tracks) {
    const keys = new Set(placed.map(({ item }) => item.key));
    for (const [key, tile] of this.#tiles) {
      if (keys.has(key)) continue;
      this.#tiles.delete(key);
      // The focus stays near, and on no button that another key press would mean.
      if (tile.element.contains(tile.element.ownerDocument.activeElement)) this.element.focus();
      tile.close();
    }
    // Where text runs from right to left, so do the tiles.
    const isMirrored = document.documentElement.dir === "rtl";
    const width = this.element.clientWidth;
    for (const { item, rect } of placed) {
      const tile = this.#tile(item);
      const state = this.#stateOf(item, tracks);
      if (state) tile.update(state);
      tile.place(isMirrored ? { ...rect, x: width - rect.x - rect.width } : rect);
    }
  }

  /** @param {Item} item */
  #tile({ key, userId, isScreen }) {
    const known = this.#tiles.get(key);
    if (known) return known;
    const isSelf = userId === this.#meeting.userId;
    const tile = new Tile({
      userId,
      isSelf,
      isScreen,
      picture: this.#pictures.take(key),
      onPin: () => this.#togglePin(key),
      onVolume: () => this.#onVolume(userId),
      onPicture: (visible) => !isScreen && this.#onPicture(userId, visible),
    });
    tile.setPaused(this.#paused.has(key));
    tile.setLimited(this.#limited.has(key));
    this.#tiles.set(key, tile);
    this.element.append(tile.element);
    return tile;
  }

  /**
   * @param {Item} item
   * @param {RemoteTrack[]} tracks
   * @returns {import("./tile.js").TileState | null}
   */
  #stateOf({ key, userId, isScreen }, tracks) {
    const member = this.#meeting.roster.get(userId);
    if (!member) return null;
    const isSelf = userId === this.#meeting.userId;
    const source = isScreen ? "screen" : "camera";
    const remote = isSelf ? undefined : tracks.find((t) => t.userId === userId && t.source === source);
    return {
      name: member.displayName,
      isMuted: !isScreen && member.isMuted,
      isAway: member.isAway,
      handRaised: !isScreen && member.handRaised,
      isLeftOut: this.#meeting.recording.isOn && member.recordingOptOut,
      speaking: !isScreen && this.#speakers.has(userId) && !member.isMuted,
      pinned: this.#wishes.pinned === key,
      track: isSelf ? this.#local.track(source) : (remote?.track ?? null),
      since: remote?.since ?? 0,
      isOn: isSelf || isScreen || member.isVideoOn,
      isMirrored: isSelf && !isScreen && this.#local.isMirrored,
    };
  }

  /**
   * A camera that has no tile any more is taken to be as it was.
   *
   * @param {string} userId
   * @param {boolean} visible
   */
  #onPicture(userId, visible) {
    if (!visible && !this.#tiles.has(`${userId}/camera`)) return;
    const isUnannounced = visible && !this.#meeting.roster.get(userId)?.isVideoOn;
    if (isUnannounced) this.#unannounced.add(userId);
    else this.#unannounced.delete(userId);
    this.schedule();
    this.#onChanged();
  }

  /** @param {string} key */
  #togglePin(key) {
    this.#wishes.pinned = this.#wishes.pinned === key ? "" : key;
    this.update();
    this.#onChanged();
  }

  /** @param {1 | -1} by */
  #turn(by) {
    this.#wishes.page += by;
    this.update();
  }

  /**
   * Tells which videos are wanted, the most important first. Cameras that nobody says are on may be on all the same.
   *
   * @param {Placed[]} placed
   */
  #want(placed) {
    const wanted = placed.flatMap(({ item, rect }) => {
      const isSelf = item.userId === this.#meeting.userId;
      if (isSelf) return [];
      const maxHeight = nearestHeight(rect.height * devicePixelRatio);
      /** @type {import("../protocol/types.js").WantedVideo} */
      const video = { userId: item.userId, source: item.isScreen ? "screen" : "camera", maxHeight };
      return [video];
    });
    this.#meeting.setView(wanted);
  }
}

/**
 * Rounds to steps, so that resizing a window does not change the view at every pixel.
 *
 * @param {number} height
 */
function nearestHeight(height) {
  return [180, 270, 360, 540, 720, 1080].find((step) => height <= step * 1.1) ?? 2160;
}
