/** @import { Participant, Permissions } from "./types.js" */
/** @import { Hub } from "./hub.js" */
import { Emitter } from "./emitter.js";

/**
 * `isAway`: the connection is lost, the seat is kept.
 *
 * @typedef {Participant & {handRaised: boolean, recordingOptOut: boolean, isAway: boolean, isSpotlit: boolean,
 *   permissions: Permissions}} Member
 */

/**
 * @typedef {object} RosterEvents
 * @property {Member} joined
 * @property {Member} left
 * @property {Member} changed
 * @property {Member} raised has raised a hand
 */

/**
 * The members of the room, ourselves included, kept up to date by the hub's events.
 *
 * @extends {Emitter<RosterEvents>}
 */
export class Roster extends Emitter {
  /** @type {Map<string, Member>} in the order of joining */
  #members = new Map();

  /** @param {Hub} hub */
  constructor(hub) {
    super();
    hub.on("ParticipantJoined", (p) => this.#put(p));
    hub.on("ParticipantLeft", ({ userId }) => this.#drop(userId));
    hub.on("StateChanged", ({ userId, ...state }) => this.update(userId, state));
    hub.on("HandRaised", ({ userId, raised }) => this.update(userId, { handRaised: raised }));
    hub.on("DisplayNameChanged", ({ userId, displayName }) => this.update(userId, { displayName }));
    hub.on("RecordingOptOutChanged", ({ userId, optOut }) => this.update(userId, { recordingOptOut: optOut }));
    hub.on("ParticipantChanged", ({ userId, ...change }) => this.update(userId, change));
    hub.on("ConnectionLost", ({ userId }) => this.update(userId, { isAway: true }));
    hub.on("ConnectionBack", ({ userId }) => this.update(userId, { isAway: false }));
  }

  /** @returns {Member[]} in the order of joining */
  get all() {
    return [...this.#members.values()];
  }

  /**
   * Finds a member.
   *
   * @param {string} userId
   * @returns {Member | undefined}
   */
  get(userId) {
    return this.#members.get(userId);
  }

  /**
   * Takes over the list of JoinRoom's result: whoever is not in it has left.
   *
   * @param {Participant} self
   * @param {Participant[]} others
   */
  reset(self, others) {
    const present = new Set([self.userId, ...others.map((p) => p.userId)]);
    for (const userId of [...this.#members.keys()]) if (!present.has(userId)) this.#drop(userId);
    for (const participant of [self, ...others]) this.#put(participant);
  }

  /**
   * Changes what is known of a member; no effect if there is no such member.
   *
   * @param {string} userId
   * @param {Partial<Member>} change
   */
  update(userId, change) {
    const member = this.#members.get(userId);
    if (!member) return;
    const isSame = (/** @type {string} */ key, /** @type {unknown} */ value) =>
      JSON.stringify(member[/** @type {keyof Member} */ (key)]) === JSON.stringify(value);
    if (Object.entries(change).every(([key, value]) => isSame(key, value))) return;
    const { handRaised } = member;
    Object.assign(member, change);
    this.emit("changed", member);
    if (member.handRaised && !handRaised) this.emit("raised", member);
  }

  /** @param {Participant} participant */
  #put(participant) {
    const { handRaised = false, recordingOptOut = false, isSpotlit = false, permissions = {} } = participant;
    const state = { ...participant, handRaised, recordingOptOut, isSpotlit, permissions, isAway: false };
    if (this.#members.has(participant.userId)) return this.update(participant.userId, state);
    this.#members.set(participant.userId, state);
    this.emit("joined", state);
  }

  /** @param {string} userId */
  #drop(userId) {
    const member = this.#members.get(userId);
    if (!member) return;
    this.#members.delete(userId);
    this.emit("left", member);
  }
}
