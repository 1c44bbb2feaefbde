/** @import { Meeting } from "../meeting.js" */
/** @import { LocalMedia } from "../media.js" */
/** @import { RemoteTrack } from "../media/link.js" */
import { h } from "./dom.js";
import { chooseSeen, gridRects, mostTiles, stageRects, stripPlaces } from "./layout.js";
import { Tile } from "./tile.js";

/** @typedef {{key: string, userId: string, isScreen: boolean}} Item */

/** The tiles of a meeting: who has one, where, and how large. */
export class Grid {
  #meeting;
  #local;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {string[]} userIds of the others, in the order of their tiles */
  #seen = [];
  /** @type {Map<string, number>} */
  #spokeAt = new Map();
  /** @type {Set<string>} */
  #speaking = new Set();
  #pinned = "";
  #observer = new ResizeObserver(() => this.update());
  #scheduled = false;

  /**
   * @param {Meeting} meeting
   * @param {LocalMedia} local
   * @param {() => void} onOverflow shows the list of people, for those who have no tile
   */
  constructor(meeting, local, onOverflow) {
    this.#meeting = meeting;
    this.#local = local;
    /** Says how many people have no tile. It is not part of the grid's element. */
    this.more = h("button", { type: "button", class: "top-button", hidden: true, onclick: onOverflow });
    this.element = h("section", { class: "grid", "aria-label": "Participants" });
    this.#observer.observe(this.element);
  }

  /** @param {string[]} userIds who speaks */
  setSpeakers(userIds) {
    const now = performance.now();
    this.#speaking = new Set(userIds);
    for (const userId of userIds) this.#spokeAt.set(userId, now);
    this.schedule();
  }

  /** @param {Map<string, import("../media/link.js").Quality>} qualities by userId; our own under "" */
  setQualities(qualities) {
    for (const [key, tile] of this.#tiles) {
      const userId = key.slice(0, key.indexOf("/"));
      const quality = qualities.get(userId === this.#meeting.userId ? "" : userId);
      if (quality) tile.setQuality(quality);
    }
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
    const screens = tracks.filter(
      ({ source, userId }) => source === "screen" && userId && this.#meeting.roster.get(userId),
    );
    const stage = this.#stage(screens);
    const people = this.#people(stage, stage ? stripPlaces(width, height) : mostTiles(width, height));
    const placed = stage ? this.#placeStage(stage, people, width, height) : this.#placeGrid(people, width, height);
    this.#show(placed, tracks);
    this.#want(placed);
  }

  close() {
    this.#observer.disconnect();
    for (const tile of this.#tiles.values()) tile.close();
    this.#tiles.clear();
  }

  /**
   * @param {RemoteTrack[]} screens
   * @returns {Item | null} what is shown large: the pinned tile, else the screen that was shared last
   */
  #stage(screens) {
    const [pinnedUser = "", source] = this.#pinned.split("/");
    const isScreen = source === "screen";
    const exists = isScreen
      ? screens.some(({ userId }) => userId === pinnedUser)
      : this.#meeting.roster.get(pinnedUser);
    if (exists) return { key: this.#pinned, userId: pinnedUser, isScreen };
    const latest = screens.reduce((a, b) => (a && a.since > b.since ? a : b), screens[0]);
    return latest?.userId ? { key: `${latest.userId}/screen`, userId: latest.userId, isScreen: true } : null;
  }

  /**
   * @param {Item | null} stage
   * @param {number} most
   * @returns {Item[]} the others who get a tile, then ourselves
   */
  #people(stage, most) {
    const self = this.#meeting.userId;
    const onStage = stage && !stage.isScreen ? stage.userId : "";
    const others = this.#meeting.roster.all.map(({ userId }) => userId).filter((id) => id !== self && id !== onStage);
    this.#seen = chooseSeen(others, this.#seen, this.#spokeAt, Math.max(1, most - 1));
    const own = onStage === self || (most === 1 && this.#seen.length > 0) ? [] : [self];
    return [...this.#seen, ...own].map((userId) => ({ key: `${userId}/camera`, userId, isScreen: false }));
  }

  /**
   * @param {Item[]} people
   * @param {number} width
   * @param {number} height
   */
  #placeGrid(people, width, height) {
    const rects = gridRects(people.length, width, height);
    this.#showOverflow(this.#meeting.roster.all.length - people.length);
    return people.map((item, i) => ({ item, rect: rects[i] ?? null, large: people.length === 1 }));
  }

  /**
   * @param {Item} stage
   * @param {Item[]} people
   * @param {number} width
   * @param {number} height
   */
  #placeStage(stage, people, width, height) {
    const { stage: rect, strip } = stageRects(people.length, width, height);
    this.#showOverflow(this.#meeting.roster.all.length - people.length - (stage.isScreen ? 0 : 1));
    const rest = people.map((item, i) => ({ item, rect: strip[i] ?? null, large: false }));
    return [{ item: stage, rect, large: true }, ...rest];
  }

  /**
   * @param {{item: Item, rect: import("./layout.js").Rect | null}[]} placed
   * @param {RemoteTrack[]} tracks
   */
  #show(placed, tracks) {
    const keys = new Set(placed.map(({ item }) => item.key));
    for (const [key, tile] of this.#tiles) {
      if (keys.has(key)) continue;
      tile.close();
      this.#tiles.delete(key);
    }
    for (const { item, rect } of placed) {
      const tile = this.#tile(item);
      const state = this.#stateOf(item, tracks);
      if (state) tile.update(state);
      tile.place(rect);
    }
  }

  /** @param {Item} item */
  #tile({ key, userId, isScreen }) {
    const known = this.#tiles.get(key);
    if (known) return known;
    const isSelf = userId === this.#meeting.userId;
    const tile = new Tile({ userId, isSelf, isScreen, onPin: () => this.#togglePin(key) });
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
      speaking: !isScreen && this.#speaking.has(userId) && !member.isMuted,
      pinned: this.#pinned === key,
      track: isSelf ? this.#local.track(source) : (remote?.track ?? null),
      since: remote?.since ?? 0,
      isOn: isSelf || isScreen || member.isVideoOn,
    };
  }

  /** @param {string} key */
  #togglePin(key) {
    this.#pinned = this.#pinned === key ? "" : key;
    this.update();
  }

  /** @param {number} count people without a tile */
  #showOverflow(count) {
    this.more.hidden = count <= 0;
    this.more.textContent = `+${count} more`;
  }

  /**
   * Tells which videos are wanted, the most important first. Cameras that nobody says are on may be on all the same.
   *
   * @param {{item: Item, rect: import("./layout.js").Rect | null, large: boolean}[]} placed
   */
  #want(placed) {
    const wanted = placed.flatMap(({ item, rect }) => {
      const isSelf = item.userId === this.#meeting.userId;
      if (!rect || isSelf) return [];
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
