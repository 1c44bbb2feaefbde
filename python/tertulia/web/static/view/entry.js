import { claimsOf, newUuid, TertuliaError } from "../protocol.js";

/**
 * How someone enters a room: by a plain link (on an open development server), an invite, or a room token of their own.
 *
 * @typedef {object} Entry
 * @property {string} roomId
 * @property {string | null} credential
 * @property {"open" | "invite" | "token"} kind
 * @property {string} [link] the short one we came by
 */

/** Who would enter which room, as their token says it. @typedef {{room?: string, sub?: string}} Visitor */

const CODE = /^[2-9a-hjkmnp-z]{4}(-[2-9a-hjkmnp-z]{4}){2}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Reads a room's address. A room token is removed from the address bar and kept for this tab, so that whoever copies the
 * address does not give away their identity. An invite stays: it is meant to be passed on.
 *
 * @param {Location} location
 * @returns {Entry | null} null: not the address of a room
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
 * The code of an invite in the address of the page.
 *
 * @param {string} path
 * @returns {string | null} null: there is none
 */
export function codeFrom(path) {
  const code = /^\/m\/([^/]+)\/?$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return CODE.test(code) ? code : null;
}

/**
 * What the invite of a code turned out to be, for this tab: who has given its password is not asked again.
 *
 * @param {string} code
 * @returns {Entry | null} null: it has not been opened
 */
export function openedBefore(code) {
  const kept = sessionStorage.getItem(codeKey(code));
  return kept ? { ...JSON.parse(kept), kind: "invite" } : null;
}

/**
 * Keeps what the invite of a code turned out to be, for this tab.
 *
 * @param {string} code
 * @param {{roomId: string, inviteToken: string}} opened
 * @returns {Entry}
 */
export function keepOpened(code, { roomId, inviteToken }) {
  const entry = { roomId, credential: inviteToken, link: `${location.origin}/m/${code}` };
  sessionStorage.setItem(codeKey(code), JSON.stringify(entry));
  return { ...entry, kind: "invite" };
}

/**
 * What this tab has kept of the way into a room.
 *
 * @param {string} path of the room, or its short link
 * @returns {string | null} null: nothing
 */
export function keptCredential(path) {
  const code = codeFrom(path);
  if (code) return openedBefore(code)?.credential ?? null;
  return sessionStorage.getItem(tokenKey(roomIdOf(path) ?? ""));
}

/** @param {string} code whose invite is no longer valid */
export function forgetOpened(code) {
  sessionStorage.removeItem(codeKey(code));
}

/**
 * Reads what someone pasted: a link, or a room's id.
 *
 * @param {string} text
 * @returns {string | null} the path to go to; null: neither
 */
export function pathFrom(text) {
  const trimmed = text.trim();
  if (UUID.test(trimmed.toLowerCase())) return `/r/${trimmed.toLowerCase()}`;
  if (!URL.canParse(trimmed, location.origin)) return null;
  const url = new URL(trimmed, location.origin);
  const code = codeFrom(url.pathname) ?? codeFrom(`/m/${trimmed}`);
  if (code) return `/m/${code}`;
  const roomId = roomIdOf(url.pathname);
  return roomId ? `/r/${roomId}${url.hash}` : null;
}

/**
 * Keeps a room token for this tab.
 *
 * @param {string} roomId
 * @param {string} token
 */
export function keepToken(roomId, token) {
  sessionStorage.setItem(tokenKey(roomId), token);
}

/** @param {string} roomId whose token is no longer valid */
export function forgetToken(roomId) {
  sessionStorage.removeItem(tokenKey(roomId));
}

/** @param {Visitor} visitor whom a host has not let in: from then on the server takes them for removed */
export function keepDenial(visitor) {
  localStorage.setItem(denialKey(visitor), "denied");
}

/** @param {Visitor} visitor who is in the room now */
export function forgetDenial(visitor) {
  localStorage.removeItem(denialKey(visitor));
}

/**
 * Why somebody was refused: a denial keeps them out as a removal does, and this browser knows which it was.
 *
 * @param {TertuliaError} refusal
 * @param {Visitor} visitor
 */
export function withDenial(refusal, visitor) {
  const isDenial = refusal.reason === "removed" && localStorage.getItem(denialKey(visitor)) !== null;
  return isDenial ? new TertuliaError("entry_denied", refusal.message) : refusal;
}

/** @returns {string} this browser's user, who hosts the meetings created here */
export function ownUserId() {
  return stored(localStorage, "tertulia.user");
}

/**
 * Who we are in a room, unless we come by an invite. A second tab of the same browser is a second person, and does not take the first one's seat.
 *
 * @param {Entry} entry
 * @returns {Promise<string>}
 */
export async function userIdFor({ kind, roomId, credential }) {
  const sub = kind === "token" && credential ? claimsOf(credential)?.sub : undefined;
  if (sub) return sub;
  const usual = ownUserId();
  if (await claim(roomId, usual)) return usual;
  const second = stored(sessionStorage, `tertulia.second.${roomId}`);
  if (await claim(roomId, second)) return second;
  const third = newUuid();
  sessionStorage.setItem(`tertulia.second.${roomId}`, third);
  await claim(roomId, third);
  return third;
}

/** @type {Map<string, () => void>} locks that this tab holds: how to release each */
const held = new Map();

/** Lets other tabs use the identities of this one. */
export function releaseUsers() {
  for (const release of held.values()) release();
  held.clear();
}

/**
 * Locks an identity in a room against this browser's other tabs.
 *
 * @param {string} roomId
 * @param {string} userId
 * @returns {Promise<boolean>} false: another tab has it
 */
export function claim(roomId, userId) {
  const name = `tertulia/${roomId}/${userId}`;
  if (held.has(name) || !navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const asked = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise((release) => held.set(name, () => release(undefined)));
    });
    asked.catch(() => resolve(true)); // the browser keeps nothing of this site: tabs do not know of each other
  });
}

/** @param {string} code */
function codeKey(code) {
  return `tertulia.opened.${code}`;
}

/** @param {Visitor} visitor in this browser maybe one of several */
function denialKey({ room, sub }) {
  return `tertulia.denied.${room}.${sub}`;
}

/** @param {string} roomId */
function tokenKey(roomId) {
  return `tertulia.token.${roomId}`;
}

/**
 * @param {Storage} storage
 * @param {string} key
 * @returns {string} a UUID, created by the first call
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
