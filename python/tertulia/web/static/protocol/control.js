/** @import { Hub } from "./hub.js" */
/** @import { Member, Roster } from "./roster.js" */
/** @import { JoinResult, Knock, Permissions, Right, Role, Settings } from "./types.js" */
import { Emitter } from "./emitter.js";

/** A room whose hosts have decided nothing. @type {Settings} */
const OPEN = {
  waitingRoom: false,
  locked: false,
  muteOnEntry: false,
  unmute: "everyone",
  share: "everyone",
  chat: "everyone",
};

/**
 * @typedef {object} ControlEvents
 * @property {Settings} settings what they are now
 * @property {Map<string, Knock>} waiting who waits to be admitted; told to hosts
 */

/**
 * Meeting control: what hosts decide about the room and about others, and what that leaves us to do.
 *
 * @extends {Emitter<ControlEvents>}
 */
export class Control extends Emitter {
  #hub;
  #roster;
  #userId = "";
  /** @type {Settings} */
  settings = OPEN;
  /** @type {Map<string, Knock>} by userId, for hosts */
  waiting = new Map();

  /**
   * @param {Hub} hub
   * @param {Roster} roster
   */
  constructor(hub, roster) {
    super();
    this.#hub = hub;
    this.#roster = roster;
    hub.on("SettingsChanged", ({ settings }) => this.#take(settings));
    hub.on("ParticipantChanged", (change) => this.#onChanged(change));
    hub.on("ParticipantWaiting", (knock) => this.#changeWaiting((waiting) => waiting.set(knock.userId, knock)));
    hub.on("WaitingEnded", ({ userId }) => this.#changeWaiting((waiting) => waiting.delete(userId)));
  }

  /**
   * Whether a member may do something: hosts may; of others, what was said of them counts before the settings.
   *
   * @param {string} userId
   * @param {Right} right
   */
  may(userId, right) {
    const member = this.#roster.get(userId);
    if (!member || member.role === "host") return true;
    return member.permissions[right] ?? (right === "video" || this.settings[right] === "everyone");
  }

  /** @param {Partial<Settings>} settings */
  change(settings) {
    return this.#hub.call("ChangeSettings", { settings });
  }

  /** @param {string} [targetUserId] absent: everyone who waits */
  admit(targetUserId) {
    return this.#hub.call("Admit", { targetUserId });
  }

  /** @param {string} targetUserId who waits */
  deny(targetUserId) {
    return this.#hub.call("Deny", { targetUserId });
  }

  /**
   * Says what an attendee may do. What they may do by the settings needs no word.
   *
   * @param {Member} member
   * @param {Right} right
   * @param {boolean} isAllowed
   */
  allow({ userId, permissions }, right, isAllowed) {
    const usual = right === "video" || this.settings[right] === "everyone";
    /** @type {Permissions} */
    const next = { ...permissions, [right]: isAllowed };
    if (isAllowed === usual) delete next[right];
    return this.#hub.call("SetPermissions", { targetUserId: userId, permissions: next });
  }

  /**
   * @param {string} targetUserId
   * @param {Role} role
   */
  setRole(targetUserId, role) {
    return this.#hub.call("SetRole", { targetUserId, role });
  }

  /**
   * @param {string} targetUserId
   * @param {boolean} on whether everyone is to see them large
   */
  spotlight(targetUserId, on) {
    return this.#hub.call("Spotlight", { targetUserId, on });
  }

  /** @param {string} targetUserId */
  lowerHand(targetUserId) {
    return this.#hub.call("LowerHand", { targetUserId });
  }

  /**
   * Takes over what JoinRoom's result says; to be called once the roster has: who is told looks at both.
   *
   * @param {JoinResult} result
   */
  reset({ userId, settings = OPEN, waiting = [] }) {
    this.#userId = userId;
    this.waiting = new Map(waiting.map((knock) => [knock.userId, knock]));
    this.#take(settings);
    this.emit("waiting", this.waiting);
  }

  /** @param {{userId: string, role: Role}} change only hosts are told who waits */
  #onChanged({ userId, role }) {
    if (userId === this.#userId && role !== "host") this.#changeWaiting((waiting) => waiting.clear());
  }

  /** @param {Settings} settings */
  #take(settings) {
    this.settings = settings;
    this.emit("settings", settings);
  }

  /** @param {(waiting: Map<string, Knock>) => void} change */
  #changeWaiting(change) {
    change(this.waiting);
    this.emit("waiting", this.waiting);
  }
}
