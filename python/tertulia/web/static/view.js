/** @import { EndReason } from "./protocol/hub.js" */
import { LocalMedia } from "./media.js";
import { Meeting } from "./meeting.js";
import { claimsOf, Rest, TertuliaError } from "./protocol.js";
import { fill } from "./view/dom.js";
import { endedScreen, explain } from "./view/ended.js";
import { entryFrom, forgetToken, keepToken, ownUserId, releaseUsers, userIdFor } from "./view/entry.js";
import { Guest } from "./view/guest.js";
import { lobby } from "./view/lobby.js";
import { preferences } from "./view/preferences.js";
import { Recordings } from "./view/recording/list.js";
import { Room } from "./view/room.js";

/** @typedef {import("./view/entry.js").Entry} Entry */

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const anyone = new Rest(location.origin);

/** Shows the lobby of the room that the address names, or the start page. */
function showLobby() {
  const entry = entryFrom(location);
  const { microphone, camera, quality } = preferences();
  const local = new LocalMedia({ microphone, camera, quality });
  const mayCreate = entry ? Promise.resolve(false) : anyone.mayCreateRooms();
  const screen = lobby({ local, isHome: entry === null, mayCreate, onGo: (name) => void go(name) });
  const recordings = entry ? recordingsBefore(entry, screen) : Promise.resolve(null);
  const close = () => {
    screen.close();
    void recordings.then((list) => list?.close());
  };
  document.title = entry ? "Join the meeting · Tertulia" : "Tertulia";
  fill(app, screen.element);

  /** @param {string} name */
  async function go(name) {
    try {
      await enter(entry ?? (await newMeeting()), name, local, close);
    } catch (error) {
      const known =
        error instanceof TertuliaError
          ? error
          : new TertuliaError("internal", "Something went wrong. Reload the page and try again.");
      if (!(error instanceof TertuliaError)) console.error(error);
      if (entry?.kind === "token" && known.status === 401) forgetToken(entry.roomId);
      screen.fail(explain(known));
    }
  }
}

/**
 * Shows the room's recordings in the lobby, to a host.
 *
 * @param {Entry} entry
 * @param {import("./view/lobby.js").Lobby} screen
 */
async function recordingsBefore(entry, screen) {
  if (!(await isHost(entry))) return null;
  const list = new Recordings(entry.roomId, async () => new Rest(location.origin, entry.credential));
  screen.append(list.element);
  return list;
}

/**
 * Whether who enters is a host, as far as that is known before they join.
 *
 * @param {Entry} entry
 */
async function isHost({ kind, roomId, credential }) {
  if (kind === "token") return claimsOf(credential ?? "")?.role === "host";
  if (kind === "invite") return false;
  const room = await anyone.room(roomId).catch(() => null);
  return room?.hostUserId === ownUserId();
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
  document.title = "Meeting · Tertulia";
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
      showLobby();
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

addEventListener("popstate", () => location.reload());
showLobby();
