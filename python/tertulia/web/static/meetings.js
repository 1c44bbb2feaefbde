import { frame } from "./meetings/frame.js";
import { keyScreen } from "./meetings/key_screen.js";
import { forgetKey, keepKey, keptKey } from "./meetings/keys.js";
import { ListScreen } from "./meetings/list_screen.js";
import { NodesScreen } from "./meetings/nodes_screen.js";
import { roomDialog } from "./meetings/room_form.js";
import { RoomScreen } from "./meetings/room_screen.js";
import { fetchSignedIn, readOffer, readSignIn, signOut, takeAnswer } from "./meetings/sign_in.js";
import { explainTrouble, tell } from "./meetings/trouble.js";
import { Rest, TertuliaError } from "./protocol.js";
import { closeDialogs } from "./view/dialog.js";
import { fill } from "./view/dom.js";
import { ownUserId } from "./view/entry.js";
import { ignoreHeldKeys } from "./view/held_keys.js";
import { messageScreen, waitingScreen } from "./view/message.js";
import { notice } from "./view/notices.js";
import { load, say } from "./words.js";

/** @import { SignInView } from "./protocol/types.js" */
/** @import { Offer } from "./meetings/sign_in.js" */

/** @typedef {{element: HTMLElement, close: () => void}} Screen */

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
/** @type {Screen | null} */
let screen = null;
/** What shows the screen that the address names, once one may see it. */
let showNamed = () => {};
/** What the page says once, when it is shown. */
let said = "";

/** @type {Offer} */
const NO_OFFER = { isOffered: false, asksForOrganisation: false, isSignedIn: false };

/** The API, called by a key, as who is signed in, or as anybody. Whoever is refused is asked who they are. */
class DeskRest extends Rest {
  /**
   * @param {string | null} key
   * @param {boolean} isSignedIn
   */
  constructor(key, isSignedIn) {
    super(location.origin, key, isSignedIn ? fetchSignedIn : undefined);
    this.isSignedIn = isSignedIn;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {string} [key]
   * @returns {Promise<any>}
   */
  async request(method, path, body, key) {
    try {
      return await super.request(method, path, body, key);
    } catch (error) {
      if (isRefusal(error) && this === current) await refused(this);
      throw error;
    }
  }
}

/** @type {DeskRest | null} what the page is shown by */
let current = null;

/** Shows what one may see by the key that is kept, else as who is signed in. On an open server neither is needed. */
async function begin() {
  close();
  fill(app, waitingScreen(say("meetings.loading")));
  try {
    const key = keptKey();
    const isSignedIn = !key && (await readOffer()).isSignedIn;
    const rest = new DeskRest(key, isSignedIn);
    current = rest;
    const signIn = isSignedIn ? await readSignIn(rest) : null;
    await rest.rooms();
    const showsNodes = await mayReadNodes(rest);
    showNamed = () => showScreen(rest, signIn, showsNodes);
    showNamed();
    if (said) notice(said);
    said = "";
  } catch (error) {
    if (isRefusal(error)) return;
    const action = { label: say("action.retry"), run: () => void begin() };
    fill(app, messageScreen(say("refused.unreachable"), explainTrouble(error), action));
  }
}

/**
 * Shows what the address names.
 *
 * @param {DeskRest} rest
 * @param {SignInView | null} signIn
 * @param {boolean} showsNodes
 */
function showScreen(rest, signIn, showsNodes) {
  close();
  const name = location.hash.slice(1);
  const isNodes = name === "nodes" && showsNodes;
  const ownId = signIn?.user.id ?? null;
  const now = isNodes
    ? new NodesScreen(rest)
    : name
      ? new RoomScreen(rest, name, ownId)
      : new ListScreen(rest, () => make(rest, ownId ?? ownUserId()));
  screen = now;
  document.title = say("title.meetings");
  const who = signIn?.user.displayName ?? "";
  const at = isNodes ? "nodes" : "meetings";
  fill(app, frame({ content: now.element, at, showsNodes, leave: leaveBy(rest), name: who }));
}

/** @param {DeskRest} rest how the page is left, for another key or another person */
function leaveBy(rest) {
  if (rest.isSignedIn) return { words: say("signin.out"), run: () => void leave(rest) };
  if (!rest.credential) return null;
  const forget = () => {
    forgetKey(rest.credential);
    void begin();
  };
  return { words: say("key.forget"), run: forget };
}

/** @param {DeskRest} rest */
async function leave(rest) {
  try {
    await signOut(rest);
    await ask("");
  } catch (error) {
    if (!isRefusal(error)) tell(error);
  }
}

/**
 * @param {DeskRest} rest
 * @param {string} hostId
 */
function make(rest, hostId) {
  roomDialog(null, async ({ title, scheduledFor, settings }) => {
    const more = { ...(title ? { title } : {}), ...(scheduledFor ? { scheduledFor } : {}) };
    const { roomId } = await rest.createRoom(hostId, settings, more);
    location.hash = roomId;
  });
}

/** @param {DeskRest} rest which is not, or no longer, believed. Another key may be kept: in this tab, on the device. */
async function refused(rest) {
  forgetKey(rest.credential);
  if (rest.credential && keptKey()) await begin();
  else await ask(rest.credential ? say("key.refused") : rest.isSignedIn ? say("signin.over") : said);
}

/** @param {string} trouble why; "": nothing is wrong */
async function ask(trouble) {
  close();
  current = null;
  showNamed = () => {};
  said = "";
  document.title = say("title.meetings");
  const offer = await readOffer().catch(() => NO_OFFER);
  fill(app, keyScreen({ open: tryKey, offer, organisation, trouble }));
}

/**
 * @param {string} key
 * @param {boolean} onDevice
 * @returns {Promise<string | null>} why it does not work
 */
async function tryKey(key, onDevice) {
  try {
    await new Rest(location.origin, key).rooms();
  } catch (error) {
    return isRefusal(error) ? say("key.unknown") : explainTrouble(error);
  }
  keepKey(key, onDevice);
  void begin();
  return null;
}

/** @param {DeskRest} rest */
async function mayReadNodes(rest) {
  try {
    await rest.nodes();
    return true;
  } catch (error) {
    if (error instanceof TertuliaError && error.status === 403) return false;
    throw error;
  }
}

function close() {
  closeDialogs();
  screen?.close();
  screen = null;
}

/** @param {unknown} error whether a credential is missing or not valid */
function isRefusal(error) {
  return error instanceof TertuliaError && error.status === 401;
}

await load(document.documentElement.lang, navigator.languages, true);
const { reason, organisation } = takeAnswer();
said = reason ? say(reason) : "";
addEventListener("hashchange", () => showNamed());
ignoreHeldKeys(window);
await begin();
