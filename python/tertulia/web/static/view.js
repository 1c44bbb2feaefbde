/** @import { EndReason } from "./protocol/hub.js" */
/** @import { LocalMedia } from "./media.js" */
/** @import { Room } from "./view/room.js" */
import { claimsOf, Rest, TertuliaError } from "./protocol.js";
import { fill, h } from "./view/dom.js";
import { endedScreen, lostScreen, refusedScreen } from "./view/ended.js";
import {
  codeFrom,
  entryFrom,
  forgetDenial,
  forgetOpened,
  forgetToken,
  keepDenial,
  keepOpened,
  keepToken,
  keptCredential,
  openedBefore,
  ownUserId,
  releaseUsers,
  userIdFor,
  withDenial,
} from "./view/entry.js";
import { Guest } from "./view/guest.js";
import { ignoreHeldKeys } from "./view/held_keys.js";
import { home } from "./view/home.js";
import { Invites, Inviting } from "./view/invites.js";
import { loaded } from "./view/loading.js";
import { lobby } from "./view/lobby.js";
import { waitingScreen } from "./view/message.js";
import { Moves } from "./view/moves.js";
import { fail } from "./view/notices.js";
import { openDevices } from "./view/preview.js";
import { explainEntry } from "./view/problem.js";
import { load, say, seen } from "./words.js";

/** @typedef {import("./view/entry.js").Entry} Entry */
/** @typedef {import("./view/entry.js").Visitor} Visitor */

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const anyone = new Rest(location.origin);
const moves = new Moves();
/** Shows again what the back button leads to, where that is not to be loaded anew. @type {{path: string, show: () => void} | null} */
let back = null;
/** An answer that comes within this time needs no word about the waiting. */
const MOMENT_MS = 600;

/** Shows what the address names: the start page, or the way into a room. */
function show() {
  const entry = entryFrom(location);
  const code = codeFrom(location.pathname);
  document.title = "Tertulia";
  if (code) return void approachBy(code);
  if (entry) return void approach(entry);
  if (location.pathname === "/") return showHome();
  if (location.pathname === "/test") return void showCheck().catch(fail);
  fill(app, lostScreen());
}

function showHome() {
  const screen = home({ mayCreate: anyone.mayCreateRooms(), onCreate: () => void create() });
  fill(app, screen.element);

  async function create() {
    try {
      showLobby(await newMeeting(), { role: "host", waits: false });
    } catch (error) {
      screen.fail(explainEntry(known(error)));
    }
  }
}

/**
 * Shows the lobby of a room, or why one cannot join it: nobody is asked for devices in vain.
 *
 * @param {Entry} entry
 * @param {() => Promise<void>} [onStale] another way to the room, if this one is no longer good
 */
async function approach(entry, onStale) {
  const slow = setTimeout(() => fill(app, waitingScreen(say("lobby.checking"))), MOMENT_MS);
  try {
    showLobby(entry, await admission(entry));
  } catch (error) {
    const refusal = refusalOf(error, entry);
    if (refusal.isStale && onStale) return onStale();
    fill(app, refusedScreen(refusal, show));
  } finally {
    clearTimeout(slow);
  }
}

/**
 * Finds the room that a short link leads to; asks for the password, if it has one.
 *
 * @param {string} code
 */
async function approachBy(code) {
  const kept = openedBefore(code);
  const openAgain = () => {
    forgetOpened(code);
    return approachBy(code);
  };
  if (kept) return approach(kept, openAgain);
  const rest = new Rest(location.origin, code);
  const open = async (/** @type {string | undefined} */ password) =>
    approach(keepOpened(code, await rest.openInvite(password)));
  const slow = setTimeout(() => fill(app, waitingScreen(say("lobby.checking"))), MOMENT_MS);
  const refuse = (/** @type {unknown} */ error) => fill(app, refusedScreen(known(error), show));
  try {
    await open(undefined);
  } catch (error) {
    if (known(error).code === "password_required") await askForPassword(open).catch(refuse);
    else refuse(error);
  } finally {
    clearTimeout(slow);
  }
}

/** @param {(password: string) => Promise<void>} open */
async function askForPassword(open) {
  const { passwordScreen } = await loaded(import("./view/password.js"));
  const explained = (/** @type {unknown} */ error) => explainEntry(known(error));
  const screen = passwordScreen((password) => open(password).then(() => null, explained));
  fill(app, screen);
}

/**
 * Whether one may join now.
 *
 * @param {Entry} entry
 */
async function admission({ kind, roomId, credential }) {
  const rest = new Rest(location.origin, credential);
  if (kind === "invite") return Guest.admission(roomId, rest);
  return rest.entry(roomId, kind === "open" ? ownUserId() : undefined);
}

/**
 * @param {Entry} entry
 * @param {import("./protocol/types.js").EntryView} room what we join as, and what
 * @param {import("./view/preview.js").Opened} [devices]
 */
function showLobby(entry, room, devices = openDevices()) {
  const { role, waits } = room;
  const { local } = devices;
  const ownLink = ownLinkOf(entry);
  const onTest = () => {
    close();
    // Nobody joins until the test is there.
    screen.element.inert = true;
    const path = location.pathname;
    // So that the way back leads here.
    history.pushState({ from: path }, "", "/test");
    const check = showCheck(entry.credential, devices);
    const here = {
      path,
      show: () => {
        check.then(
          (shown) => shown?.close(),
          () => {},
        );
        showLobby(entry, room, devices);
      },
    };
    back = here;
    check.catch((error) => {
      // One may have gone back meanwhile.
      if (back !== here) return;
      fail(error);
      history.back();
    });
  };
  const screen = lobby({ devices, room, onTest, onGo: (name) => void go(name) });
  const asHost = async () => new Rest(location.origin, entry.credential);
  const recordings = role === "host" && entry.kind !== "invite" ? recordingsOf(entry.roomId, asHost) : null;
  if (recordings) screen.append(recordings.element);
  const close = () => {
    screen.close();
    recordings?.close();
  };
  document.title = room.title ? seen(say("title.of", { title: room.title })) : say("title.lobby");
  fill(app, screen.element);
  meetingModules().catch(() => {}); // who joins is told

  /** @param {string} name */
  async function go(name) {
    try {
      const way = { waits, ownLink, onWaiting: screen.wait, onStopped: () => screen.fail(""), onJoined: close };
      await enter(entry, name, local, way);
    } catch (error) {
      screen.fail(explainEntry(refusalOf(error, entry)));
    }
  }
}

/**
 * Shows the test of devices and connection.
 *
 * @param {string | null} [credential] of the meeting that we came from; after a reload, what the tab has kept of it
 * @param {import("./view/preview.js").Opened} [devices] those of its lobby
 */
async function showCheck(credential = keptCredential(history.state?.from ?? ""), devices = openDevices()) {
  const { checkScreen } = await loaded(import("./view/check/screen.js"));
  // One may have gone back meanwhile.
  if (location.pathname !== "/test") return null;
  document.title = say("title.check");
  const screen = checkScreen({
    devices,
    rest: new Rest(location.origin, credential),
    onBack: history.state?.from ? () => history.back() : null,
  });
  fill(app, screen.element);
  return screen;
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
 * Why one may not enter. A token of one's own that is no longer good is forgotten.
 *
 * @param {unknown} error
 * @param {Entry} entry
 */
function refusalOf(error, { kind, roomId, credential }) {
  const refusal = known(error);
  if (kind === "invite") return refusal;
  if (kind === "token" && refusal.isStale) forgetToken(roomId);
  return withDenial(refusal, claimsOf(credential ?? "") ?? { room: roomId, sub: ownUserId() });
}

/**
 * The room's recordings, for its hosts: others do not load what shows them.
 *
 * @param {string} roomId
 * @param {() => Promise<Rest>} rest the API, called as a host
 */
function recordingsOf(roomId, rest) {
  const element = h("section", { hidden: true });
  let isClosed = false;
  let close = () => {
    isClosed = true;
  };
  loaded(import("./view/recording/list.js")).then(({ Recordings }) => {
    if (isClosed) return;
    const list = new Recordings(roomId, rest);
    close = () => list.close();
    element.replaceWith(list.element);
  }, fail);
  return { element, close: () => close() };
}

/** @returns {Promise<Entry>} */
async function newMeeting() {
  const { roomId, joinToken } = await anyone.createRoom(ownUserId(), { isRecordingEnabled: true });
  keepToken(roomId, joinToken);
  history.pushState(null, "", `/r/${roomId}`);
  return { roomId, credential: joinToken, kind: "token" };
}

/**
 * What a meeting takes. The lobby does not wait for it: it is loaded while people look into their camera.
 *
 * @throws {import("./protocol.js").UnreachableError} it could not be loaded
 */
async function meetingModules() {
  const [{ Meeting }, { Room }, { FirstPictures }] = await loaded(
    Promise.all([import("./meeting.js"), import("./view/room.js"), import("./view/picture.js")]),
  );
  return { Meeting, Room, FirstPictures };
}

/**
 * Joins and shows the meeting.
 *
 * @param {Entry} entry
 * @param {string} displayName
 * @param {LocalMedia} local
 * @param {object} way
 * @param {boolean} way.waits a host will have to let us in
 * @param {Promise<string | null>} way.ownLink as of `ownLinkOf`
 * @param {(onCancel: () => void) => void} way.onWaiting
 * @param {() => void} way.onStopped we did not want to wait any longer
 * @param {() => void} way.onJoined
 */
async function enter(entry, displayName, local, { waits, ownLink, onWaiting, onStopped, onJoined }) {
  const rest = new Rest(location.origin, entry.credential);
  /** @type {() => string} the name as it is by now */
  let name = () => displayName;
  const [{ Meeting, Room, FirstPictures }, link] = await Promise.all([meetingModules(), ownLink]);
  const grant = await grantFor(entry, rest, () => name());
  /** Who we are by the room token that we have got last. @type {Visitor} */
  let visitor = {};
  const meeting = new Meeting({
    roomId: entry.roomId,
    displayName,
    local,
    waits,
    grant: async () => {
      const granted = await grant();
      visitor = claimsOf(granted.token) ?? {};
      return granted;
    },
  });
  name = () => meeting.displayName;
  const asMember = async () => new Rest(location.origin, await meeting.token());
  let room = /** @type {Room | null} */ (null);
  let ended = /** @type {{reason: EndReason, error: TertuliaError | null} | null} */ (null);
  meeting.on("end", (end) => {
    ended = end;
    if (end.error?.isDenial) keepDenial(visitor);
    if (room) finish(end);
  });
  const pictures = new FirstPictures(meeting);
  const leave = () => meeting.leave();
  meeting.on("waiting", () => room ?? onWaiting(leave));
  const check = () => document.visibilityState === "visible" && meeting.hub.check();
  addEventListener("online", check);
  document.addEventListener("visibilitychange", check);
  try {
    await meeting.join();
  } catch (error) {
    stopChecking();
    pictures.close();
    if (ended?.reason === "left") return onStopped();
    throw error;
  }
  onJoined();
  forgetDenial(visitor);
  const inviting = new Inviting(meeting, new Invites(asMember, entry.roomId), link);
  room = new Room(meeting, local, inviting, asMember, moves, pictures);
  fill(app, room.element);
  room.focus();
  document.title = say("title.meeting");
  addEventListener("pagehide", leave);
  if (ended) finish(ended);

  function stopChecking() {
    removeEventListener("online", check);
    document.removeEventListener("visibilitychange", check);
  }

  /** @param {{reason: EndReason, error: TertuliaError | null}} end */
  function finish({ reason, error }) {
    removeEventListener("pagehide", leave);
    stopChecking();
    room?.close();
    local.stop();
    releaseUsers();
    document.title = "Tertulia";
    const isOver = reason === "left" || reason === "ended" || reason === "refused";
    const recordings = isOver && meeting.role === "host" ? recordingsOf(entry.roomId, asMember) : null;
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
 * @param {() => string} displayName
 */
async function grantFor(entry, rest, displayName) {
  if (entry.kind !== "invite") {
    const userId = await userIdFor(entry);
    return () => rest.join(entry.roomId, userId, displayName());
  }
  const guest = await Guest.of(entry.roomId);
  let isIn = false; // from then on the invite is not used: who is in a meeting does not become somebody else
  return async () => {
    const grant = isIn ? await guest.renew(displayName()) : await guest.enter(rest, displayName());
    isIn = true;
    return grant;
  };
}

/**
 * The link by which others may join as we do: the invite we came by, or on an open server the plain address.
 *
 * @param {Entry} entry
 * @returns {Promise<string | null>} null: there is none
 */
async function ownLinkOf({ kind, roomId, credential, link }) {
  const plain = `${location.origin}/r/${roomId}`;
  if (kind === "invite") return link ?? `${plain}#invite=${credential}`;
  if (kind === "open") return plain;
  return (await anyone.mayCreateRooms().catch(() => false)) ? plain : null;
}

await load(document.documentElement.lang, navigator.languages);
addEventListener("popstate", () => {
  const known = back;
  back = null;
  if (known?.path === location.pathname) known.show();
  else location.reload();
});
ignoreHeldKeys(window);
moves.follow(window);
show();
