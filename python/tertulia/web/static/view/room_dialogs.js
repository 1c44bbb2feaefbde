/** @import { LocalMedia } from "../media.js" */
/** @import { Blockage } from "../media/blockage.js" */
/** @import { Meeting } from "../meeting.js" */
/** @import { Rest } from "../protocol.js" */
/** @import { Grid } from "./grid.js" */
/** @import { Inviting } from "./invites.js" */
/** @import { Sound } from "./sound.js" */
import { loaded } from "./loading.js";
import { fail } from "./notices.js";

const MODULES = {
  settings: () => import("./dialogs/settings.js"),
  layout: () => import("./dialogs/layout.js"),
  details: () => import("./dialogs/details.js"),
  rules: () => import("./dialogs/rules.js"),
  help: () => import("./dialogs/shortcuts.js"),
  rename: () => import("./dialogs/rename.js"),
  volume: () => import("./dialogs/volume.js"),
  blocked: () => import("./dialogs/blocked.js"),
  invitation: () => import("./invitation.js"),
};
/** @typedef {"settings" | "layout" | "details" | "rules" | "help" | "rename" | "invitation"} DialogName */
/** After this time the meeting runs, and has the line for itself no longer. */
const CALM_MS = 3000;

/** The dialogs of a meeting. They are loaded once it runs, so that they are there when its line is lost. */
export class RoomDialogs {
  #meeting;
  #local;
  #grid;
  #sound;
  #inviting;
  #rest;
  #hear;
  /** What is still being loaded is not shown after the meeting. */
  #isOver = false;

  /**
   * @param {object} parts
   * @param {Meeting} parts.meeting
   * @param {LocalMedia} parts.local
   * @param {Grid} parts.grid
   * @param {Sound} parts.sound
   * @param {Inviting} parts.inviting
   * @param {() => Promise<Rest>} parts.rest the API, called as this member
   * @param {{onSpeaker: (deviceId: string) => void, onHints: () => void}} parts.hear of what is chosen in the settings
   */
  constructor({ meeting, local, grid, sound, inviting, rest, hear }) {
    this.#meeting = meeting;
    this.#local = local;
    this.#grid = grid;
    this.#sound = sound;
    this.#inviting = inviting;
    this.#rest = rest;
    this.#hear = hear;
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    const calm = setTimeout(() => {
      // Who asks for one is told.
      for (const load of Object.values(MODULES)) load().catch(() => {});
    }, CALM_MS);
    const over = () => {
      clearTimeout(calm);
      this.#isOver = true;
    };
    return [over];
  }

  /** @param {DialogName} name which one to show */
  open(name) {
    return this.#attempt(this.#show(name));
  }

  /** @param {string} userId whose volume is to be changed */
  openVolume(userId) {
    const show = this.#part(MODULES.volume(), ({ volumeDialog }) => {
      const member = this.#meeting.roster.get(userId);
      const setVolume = (/** @type {number} */ volume) => this.#sound.setVolume(userId, volume);
      if (member) volumeDialog(member, this.#sound.volumeOf(userId), setVolume);
    });
    return this.#attempt(show);
  }

  /**
   * @param {Blockage | null} blockage to be explained: what was tried, and what to do
   * @param {(userId: string) => string} nameOf
   */
  explain(blockage, nameOf) {
    const show = this.#part(MODULES.blocked(), ({ blockedDialog }) => blockage && blockedDialog(blockage, nameOf));
    return this.#attempt(show);
  }

  /** @param {Promise<void>} showing whose failure is said */
  async #attempt(showing) {
    try {
      await showing;
    } catch (error) {
      if (!this.#isOver) fail(error);
    }
  }

  /** @param {DialogName} name */
  async #show(name) {
    switch (name) {
      case "settings":
        return this.#part(MODULES.settings(), (part) => part.settingsDialog(this.#local, this.#hear));
      case "layout":
        return this.#part(MODULES.layout(), (part) => part.layoutDialog(this.#grid));
      case "details":
        return this.#part(MODULES.details(), (part) => part.detailsDialog(this.#meeting));
      case "rules":
        return this.#part(MODULES.rules(), (part) => part.rulesDialog(this.#meeting));
      case "help":
        return this.#part(MODULES.help(), (part) => part.shortcutsDialog());
      case "rename":
        return this.#part(MODULES.rename(), (part) => part.renameDialog(this.#meeting));
      case "invitation":
        return this.#invite();
    }
  }

  /**
   * @template T
   * @param {Promise<T>} load
   * @param {(part: T) => void} show
   */
  async #part(load, show) {
    const part = await loaded(load);
    if (!this.#isOver) show(part);
  }

  async #invite() {
    const [known, rest, { invitationDialog }] = await Promise.all([
      this.#inviting.known(),
      this.#rest(),
      loaded(MODULES.invitation()),
    ]);
    if (this.#isOver) return;
    const { role, roomId } = this.#meeting;
    const make = () => this.#inviting.link();
    invitationDialog({ known, make, host: role === "host" ? { rest, roomId } : null });
  }
}
