/** @import { EndReason } from "./protocol/hub.js" */
import { LocalMedia } from "./media.js";
import { Meeting } from "./meeting.js";
import { Rest, TertuliaError } from "./protocol.js";
import { fill } from "./view/dom.js";
import { endedScreen, lostScreen, refusedScreen } from "./view/ended.js";
import { entryFrom, forgetToken, keepToken, ownUserId, releaseUsers, userIdFor } from "./view/entry.js";
import { Guest } from "./view/guest.js";
import { home } from "./view/home.js";
import { lobby } from "./view/lobby.js";
import { waitingScreen } from "./view/message.js";
import { preferences } from "./view/preferences.js";
import { explainEntry } from "./view/problem.js";
import { Recordings } from "./view/recording/list.js";
import { Room } from "./view/room.js";
import { load, say } from "./words.js";

/** @typedef {import("./view/entry.js").Entry} Entry */

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const anyone = new Rest(location.origin);
/** An answer that comes within this time needs no word about the waiting. */
const MOMENT_MS = 600;

/** Shows what the address names: the start page, or the way into a room. */
function show() {
  const entry = entryFrom(location);
  document.title = "Tertulia";
  if (entry) return void approach(entry);
  if (location.pathname === "/") return showHome();
  fill(app, lostScreen());
}

function showHome() {
  const screen = home({ mayCreate: anyone.mayCreateRooms(), onCreate: () => void create() });
  fill(app, screen.element);

  async function create() {
    try {
      showLobby(await newMeeting(), "host");
    } catch (error) {
      screen.fail(explainEntry(known(error)));
    }
  }
}

/**
 * Shows the lobby of a room, or why one cannot join it: nobody is asked for devices in vain.
 *
 * @param {Entry} entry
 */
async function approach(entry) {
  const slow = setTimeout(() => fill(app, waitingScreen(say("lobby.checking"))), MOMENT_MS);
  try {
    const { role } = await admission(entry);
    showLobby(entry, role);
  } catch (error) {
    const refusal = known(error);
    if (entry.kind === "token" && refusal.status === 401) forgetToken(entry.roomId);
    fill(app, refusedScreen(refusal, show));
  } finally {
    clearTimeout(slow);
  }
}

/**
 * Whether one may join now. A guest who comes back does so by their own token.
 *
 * @param {Entry} entry
 */
async function admission({ kind, roomId, credential }) {
  const kept = kind === "invite" ? Guest.tokenFor(roomId) : null;
  const back = kept ? await new Rest(location.origin, kept).entry(roomId).catch(() => null) : null;
  const userId = kind === "open" ? ownUserId() : undefined;
  return back ?? new Rest(location.origin, credential).entry(roomId, userId);
}

/**
 * @param {Entry} entry
 * @param {import("./protocol/types.js").Role} role
 */
function showLobby(entry, role) {
  const { microphone, camera, quality } = preferences();
  const local = new LocalMedia({ microphone, camera, quality });
  const screen = lobby({ local, onGo: (name) => void go(name) });
  const recordings = role === "host" && entry.kind !== "invite" ? recordingsBefore(entry) : null;
  if (recordings) screen.append(recordings.element);
  const close = () => {
    screen.close();
    recordings?.close();
  };
  document.title = say("title.lobby");
  fill(app, screen.element);

  /** @param {string} name */
  async function go(name) {
    try {
      await enter(entry, name, local, close);
    } catch (error) {
      const refusal = known(error);
      if (entry.kind === "token" && refusal.status === 401) forgetToken(entry.roomId);
      screen.fail(explainEntry(refusal));
    }
  }
}

/**
 * @param {unknown} error
 * @returns {TertuliaError} for people
 */
function known(error) {
  if (error instanceof TertuliaError) return error;
  console.error(error);
  return new TertuliaError("internal", String(error));
}

/**
 * The room's recordings, for a host before they join.
 *
 * @param {Entry} entry
 */
function recordingsBefore({ roomId, credential }) {
  return new Recordings(roomId, async () => new Rest(location.origin, credential));
}

/** @returns {Promise<Entry>} */
async function newMeeting() {
  const { roomId, joinToken } = await anyone.createRoom(ownUserId(), { isRecordingEnabled: true });
  keepToken(roomId, joinToken);
  history.pushState(null, "", `/r/${roomId}`);
  return { roomId, credential: joinToken, kind: "token" };
}

/**
 * Joins and shows the meeting.
 *
 * @param {Entry} entry
 * @param {string} displayName
 * @param {LocalMedia} local
 * @param {() => void} onJoined
 */
async function enter(entry, displayName, local, onJoined) {
  const rest = new Rest(location.origin, entry.credential);
  const meeting = new Meeting({
    roomId: entry.roomId,
    displayName,
    local,
    grant: await grantFor(entry, rest, displayName),
  });
  const asMember = async () => new Rest(location.origin, await meeting.token());
  /** @type {Room | null} */
  let room = null;
  /** @type {{reason: EndReason, error: TertuliaError | null} | null} */
  let ended = null;
  meeting.on("end", (end) => {
    ended = end;
    if (room) finish(end);
  });
  const leave = () => meeting.leave();
  const check = () => document.visibilityState === "visible" && meeting.hub.check();
  await meeting.join();
  onJoined();
  room = new Room(meeting, local, () => inviteLink(entry, meeting), asMember);
  fill(app, room.element);
  room.focus();
  document.title = say("title.meeting");
  addEventListener("pagehide", leave);
  addEventListener("online", check);
  document.addEventListener("visibilitychange", check);
  if (ended) finish(ended);

  /** @param {{reason: EndReason, error: TertuliaError | null}} end */
  function finish({ reason, error }) {
    removeEventListener("pagehide", leave);
    removeEventListener("online", check);
    document.removeEventListener("visibilitychange", check);
    room?.close();
    local.stop();
    releaseUsers();
    document.title = "Tertulia";
    const isOver = reason === "left" || reason === "ended" || reason === "refused";
    const recordings = isOver && meeting.role === "host" ? new Recordings(entry.roomId, asMember) : null;
    const again = () => {
      recordings?.close();
      show();
    };
    fill(app, endedScreen(reason, error, again, recordings?.element ?? null));
  }
}

/**
 * Makes what gets a room token, now and whenever a new one is needed.
 *
 * @param {Entry} entry
 * @param {Rest} rest
 * @param {string} displayName
 */
async function grantFor(entry, rest, displayName) {
  if (entry.kind !== "invite") {
    const userId = await userIdFor(entry);
    return () => rest.join(entry.roomId, userId, displayName);
  }
  const guest = await Guest.of(entry.roomId);
  let isIn = false; // from then on the invite is not used: who was removed does not come back as somebody new
  return async () => {
    const grant = isIn ? await guest.renew(displayName) : await guest.enter(rest, displayName);
    isIn = true;
    return grant;
  };
}

/**
 * The link to send to others: on an open server the plain address, from a host a new invite, else the invite we came
 * with.
 *
 * @param {Entry} entry
 * @param {Meeting} meeting
 */
async function inviteLink(entry, meeting) {
  const plain = `${location.origin}/r/${entry.roomId}`;
  if (await anyone.mayCreateRooms()) return plain;
  if (meeting.role !== "host") return entry.kind === "invite" ? `${plain}#invite=${entry.credential}` : plain;
  const { inviteToken } = await new Rest(location.origin, await meeting.token()).invite(entry.roomId, "attendee");
  return `${plain}#invite=${inviteToken}`;
}

await load(document.documentElement.lang, navigator.languages);
addEventListener("popstate", () => location.reload());
show();
