import { gridRects, mostTiles, stageRects, stripPlaces } from "./layout.js";

/** @import { Rect } from "./layout.js" */

/**
 * How tiles are laid out: equal tiles, with what is pinned or shared large (`auto`); equal tiles (`grid`); whoever
 * speaks alone (`speaker`), or large with the others in a strip (`sidebar`). What is pinned is large in all of them, and
 * every shared screen has a tile.
 *
 * @typedef {"auto" | "grid" | "speaker" | "sidebar"} Layout
 */

/** @type {Layout[]} */
export const LAYOUTS = ["auto", "grid", "speaker", "sidebar"];

/**
 * @typedef {object} Person
 * @property {string} userId
 * @property {boolean} isSelf
 * @property {boolean} handRaised
 * @property {boolean} hasCamera
 * @property {number} spokeAt milliseconds: now, while they speak; -Infinity: never
 * @property {boolean} [isSpotlit] a host wants everyone to see them large
 *
 * @typedef {{userId: string, isSelf: boolean, since: number}} Share a screen that is shared, and since when
 * @typedef {{key: string, userId: string, isScreen: boolean}} Item what a tile shows
 * @typedef {{item: Item, rect: Rect}} Placed
 *
 * @typedef {object} Wishes
 * @property {Layout} layout
 * @property {string} pinned the key of an item; "": none
 * @property {boolean} hidesSelf whether our own camera has no tile
 * @property {number} page of those who have no tile on the first one; from 0
 *
 * @typedef {{seen: string[], speaker: string}} Memory who had a tile last, in the order of their tiles, and who was large
 */

/** Milliseconds for which someone who spoke counts as speaking: two who talk with each other do not take turns in a tile. */
const SPEAKS_MS = 6000;
/** Milliseconds of silence after which another speaker becomes the large one. */
const FLOOR_MS = 2000;

/**
 * Decides who has a tile, where, and how large.
 *
 * @param {{people: Person[], shares: Share[]}} meeting
 * @param {Wishes} wishes
 * @param {{width: number, height: number}} area
 * @param {Memory} memory of the last arrangement
 * @param {number} now
 * @returns {{placed: Placed[], hasStage: boolean, page: number, pages: number, memory: Memory}} with a stage, it comes first
 */
export function arrange({ people, shares }, wishes, area, memory, now) {
  const speaker = floor(people, memory.speaker, now);
  const stage = stageOf(people, shares, wishes, speaker);
  const most = stage ? stripPlaces(area.width, area.height) : mostTiles(area.width, area.height);
  const isAlone = stage !== null && wishes.layout === "speaker";
  const rest = {
    people: people.filter(
      ({ userId, isSelf }) => !isAlone && !isPerson(stage, userId) && !(isSelf && wishes.hidesSelf),
    ),
    shares: shares.filter(({ userId }) => stage?.key !== `${userId}/screen`),
  };
  const { pages, seen } = paginate(rest, most, memory.seen, now);
  const page = Math.max(0, Math.min(wishes.page, pages.length - 1));
  const items = pages[page] ?? [];
  const placed = stage ? besideStage(stage, items, area) : inGrid(items, area);
  return {
    placed,
    hasStage: stage !== null,
    page,
    pages: pages.length,
    memory: { seen: isAlone ? memory.seen : seen, speaker },
  };
}

/**
 * @param {Item | null} item
 * @param {string} userId
 */
function isPerson(item, userId) {
  return item !== null && !item.isScreen && item.userId === userId;
}

/**
 * @param {Person[]} people
 * @param {Share[]} shares
 * @param {Wishes} wishes
 * @param {string} speaker
 * @returns {Item | null} what is shown large
 */
function stageOf(people, shares, { layout, pinned }, speaker) {
  const all = [...shares.map(({ userId }) => screen(userId)), ...people.map(({ userId }) => camera(userId))];
  const chosen = all.find(({ key }) => key === pinned);
  const spotlit = people.find(({ isSpotlit, isSelf }) => isSpotlit && !isSelf);
  const wanted = spotlit ? camera(spotlit.userId) : null;
  if (chosen || layout === "grid") return chosen ?? wanted;
  const others = shares.filter(({ isSelf }) => !isSelf);
  const latest = others.reduce((a, b) => (a && a.since >= b.since ? a : b), others[0]);
  if (latest) return screen(latest.userId);
  if (wanted) return wanted;
  return layout !== "auto" && speaker ? camera(speaker) : null;
}

/**
 * @param {Person[]} people
 * @param {string} before who spoke last
 * @param {number} now
 * @returns {string} the other who speaks, or did last; "": there is no other
 */
function floor(people, before, now) {
  const others = people.filter(({ isSelf }) => !isSelf);
  const holder = others.find(({ userId }) => userId === before);
  if (holder && now - holder.spokeAt < FLOOR_MS) return before;
  const last = others.reduce((a, b) => (a && a.spokeAt >= b.spokeAt ? a : b), holder ?? others[0]);
  return last?.userId ?? "";
}

/**
 * Shares come first, then people, then ourselves. Whoever has no tile on the first page has one on a later page.
 *
 * @param {{people: Person[], shares: Share[]}} rest what is not on the stage
 * @param {number} most tiles on a page
 * @param {string[]} before who was on the first page
 * @param {number} now
 * @returns {{pages: Item[][], seen: string[]}}
 */
function paginate({ people, shares }, most, before, now) {
  const others = people.filter(({ isSelf }) => !isSelf);
  const hasOwn = people.length > others.length && (most - shares.length > 1 || others.length === 0);
  const seen = chooseSeen(others, before, now, Math.max(1, most - shares.length - (hasOwn ? 1 : 0)));
  const own = hasOwn ? people.filter(({ isSelf }) => isSelf).map(({ userId }) => camera(userId)) : [];
  const first = [...shares.map(({ userId }) => screen(userId)), ...seen.map(camera), ...own];
  const waiting = others.filter(({ userId }) => !seen.includes(userId)).sort((a, b) => rank(b, now) - rank(a, now));
  const later = [...first.slice(most), ...waiting.map(({ userId }) => camera(userId))];
  const pages = [first.slice(0, most)];
  for (let i = 0; i < later.length; i += most) pages.push(later.slice(i, i + most));
  return { pages, seen };
}

/**
 * Chooses who is on the first page when there are more people than tiles. Those who are there keep their tile, until
 * somebody with a better claim to it has none: the spotlight comes before a raised hand, that before speech, speech before
 * a camera.
 *
 * @param {Person[]} people
 * @param {string[]} before who was there, in the order of their tiles
 * @param {number} now
 * @param {number} places
 * @returns {string[]} userIds
 */
export function chooseSeen(people, before, now, places) {
  const known = new Map(people.map((person) => [person.userId, person]));
  const seen = before.flatMap((userId) => known.get(userId) ?? []).slice(0, places);
  const chosen = new Set(seen);
  const waiting = people.filter((person) => !chosen.has(person)).sort((a, b) => rank(b, now) - rank(a, now));
  seen.push(...waiting.splice(0, places - seen.length));
  for (const person of waiting) {
    const weakest = seen.reduce((a, b) => (isBelow(b, a, now) ? b : a), seen[0] ?? person);
    if (rank(person, now) <= rank(weakest, now)) break;
    seen[seen.indexOf(weakest)] = person;
  }
  return seen.map(({ userId }) => userId);
}

/**
 * @param {Person} person
 * @param {number} now
 * @returns {number} how good their claim to a tile is
 */
function rank({ isSpotlit, handRaised, hasCamera, spokeAt }, now) {
  return (isSpotlit ? 8 : 0) + (handRaised ? 4 : 0) + (now - spokeAt < SPEAKS_MS ? 2 : 0) + (hasCamera ? 1 : 0);
}

/**
 * @param {Person} a
 * @param {Person} b
 * @param {number} now
 * @returns {boolean} whether `a` gives up a tile before `b` does
 */
function isBelow(a, b, now) {
  const difference = rank(a, now) - rank(b, now);
  return difference < 0 || (difference === 0 && a.spokeAt < b.spokeAt);
}

/**
 * @param {Item[]} items
 * @param {{width: number, height: number}} area
 * @returns {Placed[]}
 */
function inGrid(items, { width, height }) {
  const rects = gridRects(items.length, width, height);
  return rects.flatMap((rect, i) => place(items[i], rect));
}

/**
 * @param {Item} stage
 * @param {Item[]} items
 * @param {{width: number, height: number}} area
 * @returns {Placed[]}
 */
function besideStage(stage, items, { width, height }) {
  const { stage: large, strip } = stageRects(items.length, width, height);
  return [...place(stage, large), ...strip.flatMap((rect, i) => place(items[i], rect))];
}

/**
 * @param {Item | undefined} item
 * @param {Rect} rect
 * @returns {Placed[]}
 */
function place(item, rect) {
  return item ? [{ item, rect }] : [];
}

/** @param {string} userId */
function camera(userId) {
  return { key: `${userId}/camera`, userId, isScreen: false };
}

/** @param {string} userId */
function screen(userId) {
  return { key: `${userId}/screen`, userId, isScreen: true };
}
