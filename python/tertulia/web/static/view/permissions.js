/** @import { Meeting } from "../meeting.js" */
/** @import { Right } from "../protocol/types.js" */
/** @import { Key } from "../words/say.js" */
import { say } from "../words.js";
import { notice } from "./notices.js";

/** @type {Record<Right, {no: Key, lost: Key, given: Key}>} what is said to who tries; to who may not any more, or again */
const WORDS = {
  unmute: { no: "may.notUnmute", lost: "may.unmuteLost", given: "may.unmuteGiven" },
  video: { no: "may.notVideo", lost: "may.videoLost", given: "may.videoGiven" },
  share: { no: "may.notShare", lost: "may.shareLost", given: "may.shareGiven" },
  chat: { no: "may.notChat", lost: "may.chatLost", given: "may.chatGiven" },
};
const RIGHTS = /** @type {Right[]} */ (Object.keys(WORDS));

/** What we may do in the meeting, in words: when it changes, and when we try what we may not. */
export class Permissions {
  #meeting;
  #known;
  #role;
  #isSpotlit = false;

  /** @param {Meeting} meeting */
  constructor(meeting) {
    this.#meeting = meeting;
    this.#known = this.#now();
    this.#role = meeting.role;
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    const { roster, control, userId } = this.#meeting;
    const tell = () => this.#tell();
    const onEntry = this.#known.unmute ? "may.mutedOnEntry" : "may.notUnmute";
    if (this.#meeting.wasMutedOnEntry) notice(say(onEntry), { topic: "mute" });
    return [
      roster.on("changed", (member) => member.userId === userId && tell()),
      control.on("settings", tell),
      this.#meeting.on("role", tell),
    ];
  }

  /**
   * Whether we may do something; if not, that is said.
   *
   * @param {Right} right
   */
  check(right) {
    if (this.#meeting.may(right)) return true;
    notice(say(WORDS[right].no), { topic: `may-${right}` });
    return false;
  }

  #tell() {
    const before = this.#known;
    const hadRole = this.#role;
    this.#known = this.#now();
    this.#role = this.#meeting.role;
    this.#tellSpotlight();
    if (this.#role !== hadRole) {
      notice(say(this.#role === "host" ? "may.host" : "may.attendee"), { topic: "role" });
      return;
    }
    for (const right of RIGHTS) {
      if (this.#known[right] === before[right]) continue;
      const { lost, given } = WORDS[right];
      notice(say(this.#known[right] ? given : lost), { topic: `may-${right}` });
    }
  }

  #tellSpotlight() {
    const isSpotlit = this.#meeting.roster.get(this.#meeting.userId)?.isSpotlit ?? false;
    if (isSpotlit && !this.#isSpotlit) notice(say("may.spotlit"), { topic: "spotlight" });
    this.#isSpotlit = isSpotlit;
  }

  /** @returns {Record<Right, boolean>} */
  #now() {
    const may = (/** @type {Right} */ right) => this.#meeting.may(right);
    return { unmute: may("unmute"), video: may("video"), share: may("share"), chat: may("chat") };
  }
}
