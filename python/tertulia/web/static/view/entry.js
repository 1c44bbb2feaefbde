import { claimsOf, newUuid } from "../protocol.js";

/**
 * How one comes to a room: by a plain link (open development server), an invite, or one's own room token.
 *
 * @typedef {object} Entry
 * @property {string} roomId
 * @property {string | null} credential
 * @property {"open" | "invite" | "token"} kind
 */

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Reads a room's address. A room token is taken out of the address bar and kept for this tab, so that a copied
 * address does not hand over who one is; an invite stays, it is there to be passed on.
 *
 * @param {Location} location
 * @returns {Entry | null} null: no room's address
 */
export function entryFrom(location) {
  const roomId = roomIdOf(location.pathname);
  if (!roomId) return null;
  const hash = new URLSearchParams(location.hash.slice(1));
  const token = hash.get("token");
  if (token) {
    keepToken(roomId, token);
    history.replaceState(null, "", location.pathname);
  }
  const invite = hash.get("invite");
  if (invite) return { roomId, credential: invite, kind: "invite" };
  const kept = sessionStorage.getItem(tokenKey(roomId));
  return kept ? { roomId, credential: kept, kind: "token" } : { roomId, credential: null, kind: "open" };
}

/**
 * @param {string} text what someone pasted: a link, or a room's id
 * @returns {string | null} the path to go to
 */
export function pathFrom(text) {
  const trimmed = text.trim();
  if (UUID.test(trimmed.toLowerCase())) return `/r/${trimmed.toLowerCase()}`;
  if (!URL.canParse(trimmed, location.origin)) return null;
  const url = new URL(trimmed, location.origin);
  const roomId = roomIdOf(url.pathname);
  return roomId ? `/r/${roomId}${url.hash}` : null;
}

/**
 * @param {string} roomId
 * @param {string} token
 */
export function keepToken(roomId, token) {
  sessionStorage.setItem(tokenKey(roomId), token);
}

/** @param {string} roomId */
export function forgetToken(roomId) {
  sessionStorage.removeItem(tokenKey(roomId));
}

/** @returns {string} this browser's own user, who hosts the meetings made here */
export function ownUserId() {
  return stored(localStorage, "tertulia.user");
}

/**
 * Who one is in a room. A second tab of the same browser is a second person: the first one's seat is not taken away.
 *
 * @param {Entry} entry
 * @returns {Promise<string>}
 */
export async function userIdFor({ kind, roomId, credential }) {
  const sub = kind === "token" && credential ? claimsOf(credential)?.sub : undefined;
  if (sub) return sub;
  const usual = kind === "invite" ? stored(localStorage, `tertulia.guest.${roomId}`) : ownUserId();
  if (await claim(roomId, usual)) return usual;
  const second = stored(sessionStorage, `tertulia.second.${roomId}`);
  if (await claim(roomId, second)) return second;
  const third = newUuid();
  sessionStorage.setItem(`tertulia.second.${roomId}`, third);
  await claim(roomId, third);
  return third;
}

/**
 * An invite speaks only for users it made itself: begin as somebody new.
 *
 * @param {string} roomId
 * @returns {string}
 */
export function newGuest(roomId) {
  localStorage.removeItem(`tertulia.guest.${roomId}`);
  return stored(localStorage, `tertulia.guest.${roomId}`);
}

/** @type {Map<string, () => void>} locks this tab holds */
const held = new Map();

/** Lets other tabs be the ones that this tab was. */
export function releaseUsers() {
  for (const release of held.values()) release();
  held.clear();
}

/**
 * Holds a lock on being `userId` in a room, among this browser's tabs.
 *
 * @param {string} roomId
 * @param {string} userId
 * @returns {Promise<boolean>} false: another tab is
 */
function claim(roomId, userId) {
  const name = `tertulia/${roomId}/${userId}`;
  if (held.has(name) || !navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise((release) => held.set(name, () => release(undefined)));
    });
  });
}

/** @param {string} roomId */
function tokenKey(roomId) {
  return `tertulia.token.${roomId}`;
}

/**
 * @param {Storage} storage
 * @param {string} key
 * @returns {string} a UUID, made at the first call
 */
function stored(storage, key) {
  const value = storage.getItem(key) ?? newUuid();
  storage.setItem(key, value);
  return value;
}

/** @param {string} path */
function roomIdOf(path) {
  const id = /^\/r\/([^/]+)\/?$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return UUID.test(id) ? id : null;
}
