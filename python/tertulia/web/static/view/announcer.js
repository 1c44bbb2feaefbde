/** @import { Meeting } from "../meeting.js" */
/** @import { Member } from "../protocol/roster.js" */
/** @import { Key } from "../words/say.js" */
import { say } from "../words.js";
import { notice, readOut } from "./notices.js";
import { Together } from "./together.js";

/** In a room with more people, notices of who comes and goes would be noise. */
const ANNOUNCED_UP_TO = 30;
/** People who come within this time of the one before them are announced together. */
const TOGETHER_MS = 5000;

/** Why pictures freeze for everybody. @type {{room: Key, tenant: Key}} */
const LIMITED = { room: "told.limitedRoom", tenant: "told.limitedTenant" };

/**
 * Announces who joins, leaves, raises a hand, reacts and shares a screen, and that the meeting sends more than it may.
 */
export class Announcer {
  #meeting;
  #joined = new Gathering({ one: "joined.one", two: "joined.two", more: "joined.more" });
  #left = new Gathering({ one: "left.one", two: "left.two", more: "left.more" });
  /** @type {Together<string>} userIds */
  #hands = new Together((userIds) => this.#tellHands(userIds));
  /** @type {Together<{userId: string, emoji: string}>} */
  #reactions = new Together((reactions) => this.#tellReactions(reactions));
  /** Whose screens are shared. */
  #sharers = new Set();

  /** @param {Meeting} meeting */
  constructor(meeting) {
    this.#meeting = meeting;
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    const { roster } = this.#meeting;
    return [
      roster.on("joined", (member) => this.#gather(member, this.#joined, "joined")),
      roster.on("left", (member) => this.#gather(member, this.#left, "left")),
      roster.on("raised", ({ userId }) => this.#isOther(userId) && this.#hands.add(userId)),
      this.#meeting.on("reaction", (reaction) => this.#isOther(reaction.userId) && this.#reactions.add(reaction)),
      this.#meeting.on("tracks", () => this.#onTracks()),
      this.#meeting.on("mediaLimited", (limit) => notice(say(LIMITED[limit] ?? LIMITED.room), { topic: "limit" })),
      () => this.#hands.close(),
      () => this.#reactions.close(),
    ];
  }

  /** @param {string} userId */
  #isOther(userId) {
    return userId !== this.#meeting.userId;
  }

  /**
   * @param {Member} member
   * @param {Gathering} gathering
   * @param {string} topic
   */
  #gather({ userId, displayName }, gathering, topic) {
    if (userId === this.#meeting.userId || this.#meeting.roster.all.length > ANNOUNCED_UP_TO) return;
    notice(gathering.add(displayName, performance.now()), { topic });
  }

  #onTracks() {
    const { sharers, roster, userId: self } = this.#meeting;
    for (const userId of sharers) {
      const name = roster.get(userId)?.displayName;
      if (name === undefined || userId === self || this.#sharers.has(userId)) continue;
      notice(say("told.sharing", { name }), { topic: "screen" });
    }
    this.#sharers = sharers;
  }

  /** @param {string[]} userIds of those who have raised a hand, and may have lowered it since */
  #tellHands(userIds) {
    const raised = [...new Set(userIds)].flatMap((userId) => this.#meeting.roster.get(userId) ?? []);
    const names = raised.filter(({ handRaised }) => handRaised).map(({ displayName }) => displayName);
    const [first, second, ...rest] = names;
    if (first === undefined) return;
    const alone = () => say("told.hand", { name: first });
    const several = (/** @type {string} */ second) =>
      rest.length === 0
        ? say("told.hands", { first, second })
        : say("told.handsMore", { first, second, count: rest.length });
    notice(second === undefined ? alone() : several(second), { topic: "hand" });
  }

  /**
   * Everyone sees reactions rise over the tiles: this is for who does not.
   *
   * @param {{userId: string, emoji: string}[]} reactions
   */
  #tellReactions(reactions) {
    const [{ userId = "" } = {}] = reactions;
    const emoji = [...new Set(reactions.map((reaction) => reaction.emoji))].join(" ");
    const name = this.#meeting.roster.get(userId)?.displayName ?? say("meeting.someone");
    const count = reactions.length;
    readOut(count === 1 ? say("told.reaction", { name, emoji }) : say("told.reactions", { count, emoji }));
  }
}

/** Puts those who joined (or left) shortly after one another into one sentence, so that they do not flood the screen. */
export class Gathering {
  #keys;
  /** @type {string[]} the newest first */
  #names = [];
  #at = -Infinity;

  /** @param {{one: Key, two: Key, more: Key}} keys the sentences for one of them, for two, and for more */
  constructor(keys) {
    this.#keys = keys;
  }

  /**
   * @param {string} name of one more
   * @param {number} now milliseconds
   * @returns {string} the sentence, which replaces the one before
   */
  add(name, now) {
    if (now - this.#at > TOGETHER_MS) this.#names = [];
    this.#at = now;
    this.#names.unshift(name);
    const [first = "", second, third, ...rest] = this.#names;
    if (!second) return say(this.#keys.one, { first });
    if (!third) return say(this.#keys.two, { first: second, second: first });
    return say(this.#keys.more, { first, second, count: rest.length + 1 });
  }
}
