import { frame } from "./meetings/frame.js";
import { keyScreen } from "./meetings/key_screen.js";
import { forgetKey, keepKey, keptKey } from "./meetings/keys.js";
import { ListScreen } from "./meetings/list_screen.js";
import { NodesScreen } from "./meetings/nodes_screen.js";
import { roomDialog } from "./meetings/room_form.js";
import { RoomScreen } from "./meetings/room_screen.js";
import { explainTrouble } from "./meetings/trouble.js";
import { Rest, TertuliaError } from "./protocol.js";
import { closeDialogs } from "./view/dialog.js";
import { fill } from "./view/dom.js";
import { ownUserId } from "./view/entry.js";
import { messageScreen, waitingScreen } from "./view/message.js";
import { load, say } from "./words.js";

/** @typedef {{element: HTMLElement, close: () => void}} Screen */

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
/** @type {Screen | null} */
let screen = null;
/** What shows the screen that the address names, once there is a key. */
let showNamed = () => {};

/** The API, called with the key. Whenever the key is refused, another one is asked for. */
class KeyRest extends Rest {
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
      if (isRefusal(error) && this.credential === keptKey()) askForKey(this.credential ? say("key.refused") : "");
      throw error;
    }
  }
}

/** Shows what the key that is kept may see. On an open server none is needed. */
async function begin() {
  const rest = new KeyRest(location.origin, keptKey());
  fill(app, waitingScreen(say("meetings.loading")));
  try {
    await rest.rooms();
    const showsNodes = await mayReadNodes(rest);
    showNamed = () => showScreen(rest, showsNodes);
    showNamed();
  } catch (error) {
    if (isRefusal(error)) return;
    const action = { label: say("action.retry"), run: () => void begin() };
    fill(app, messageScreen(say("refused.unreachable"), explainTrouble(error), action));
  }
}

/**
 * Shows what the address names.
 *
 * @param {KeyRest} rest
 * @param {boolean} showsNodes
 */
function showScreen(rest, showsNodes) {
  close();
  const name = location.hash.slice(1);
  const isNodes = name === "nodes" && showsNodes;
  const now = isNodes
    ? new NodesScreen(rest)
    : name
      ? new RoomScreen(rest, name)
      : new ListScreen(rest, () => make(rest));
  screen = now;
  document.title = say("title.meetings");
  const onForget = rest.credential
    ? () => {
        forgetKey();
        askForKey("");
      }
    : null;
  fill(app, frame({ content: now.element, at: isNodes ? "nodes" : "meetings", showsNodes, onForget }));
}

/** @param {KeyRest} rest */
function make(rest) {
  roomDialog(null, async ({ title, scheduledFor, settings }) => {
    const more = { ...(title ? { title } : {}), ...(scheduledFor ? { scheduledFor } : {}) };
    const { roomId } = await rest.createRoom(ownUserId(), settings, more);
    location.hash = roomId;
  });
}

/** @param {string} trouble why */
function askForKey(trouble) {
  close();
  showNamed = () => {};
  forgetKey();
  document.title = say("title.meetings");
  fill(app, keyScreen(tryKey, trouble));
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

/** @param {KeyRest} rest */
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

await load(document.documentElement.lang, navigator.languages);
addEventListener("hashchange", () => showNamed());
await begin();
