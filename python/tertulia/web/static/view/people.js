/** @import { Meeting } from "../meeting.js" */
/** @import { Member } from "../protocol/roster.js" */
import { isolated, say } from "../words.js";
import { h, initials, label, tint } from "./dom.js";
import { icon } from "./icons.js";
import { Knocks } from "./knocks.js";
import { MemberMenu } from "./member_menu.js";
import { fail, notice } from "./notices.js";
import { panel } from "./panel.js";
import { Rows } from "./rows.js";

/**
 * What the row of a person says.
 *
 * @typedef {object} Facts
 * @property {string} userId
 * @property {string} name
 * @property {string} note
 * @property {boolean} isAway
 * @property {boolean} handRaised
 * @property {boolean} isPinned
 * @property {boolean} isMuted
 * @property {boolean} canMute whether we may mute them
 * @property {boolean} films
 */

/** The list of people, with what can be done about each. */
export class People {
  #meeting;
  #onInvite;
  #tiles;
  #menu;
  #rules;
  #list = h("ul", { class: "people-list" });
  #rows = new Rows(this.#list);
  #count = h("p", { class: "count" });
  #muteAll;

  /**
   * @param {Meeting} meeting
   * @param {object} actions
   * @param {() => void} actions.onClose
   * @param {() => void} actions.onInvite
   * @param {() => void} actions.onRules opens meeting control
   * @param {() => void} actions.onRename we want another name
   * @param {(userId: string) => void} actions.onVolume somebody's volume is to be changed
   * @param {Pick<import("./grid.js").Grid, "pinnedUser" | "togglePin" | "films">} actions.tiles
   */
  constructor(meeting, { onClose, onInvite, onRules, onRename, onVolume, tiles }) {
    this.#meeting = meeting;
    this.#onInvite = onInvite;
    this.#tiles = tiles;
    this.#menu = new MemberMenu(meeting, { onRename, onVolume });
    /** Who waits to be admitted. */
    this.knocks = new Knocks(meeting);
    this.#muteAll = h(
      "button",
      {
        type: "button",
        class: "secondary",
        onclick: () => this.#run(meeting.muteAll(), say("people.allMuted")),
      },
      icon("muteAll"),
      say("people.muteAll"),
    );
    const invite = h(
      "button",
      { type: "button", class: "secondary invite", onclick: () => this.#onInvite() },
      icon("link"),
      say("invite.copy"),
    );
    this.#rules = h(
      "button",
      { type: "button", class: "secondary", onclick: onRules },
      icon("shield"),
      say("rules.title"),
    );
    this.element = panel(
      "people",
      { title: say("people.title"), close: say("people.close"), onClose },
      h("div", { class: "panel-actions" }, invite, this.#muteAll, this.#rules),
      this.knocks.element,
      this.#count,
      this.#list,
      this.#menu.element,
    );
  }

  /**
   * Closes the menu of somebody who has left; to be called before the list is updated, so that the focus comes back to
   * their row, and goes on from there.
   *
   * @param {string} userId
   */
  forget(userId) {
    this.#menu.forget(userId);
  }

  /** Updates the list if it is visible; to be called when it is shown, too. */
  update() {
    if (this.element.hidden) return;
    const { roster, role, userId } = this.#meeting;
    const members = roster.all;
    this.#muteAll.hidden = role !== "host" || members.length < 2;
    this.#rules.hidden = role !== "host";
    this.#count.textContent = say("people.count", { count: members.length });
    const raised = members.filter((m) => m.handRaised);
    const sorted = [...raised, ...members.filter((m) => !m.handRaised)];
    this.#rows.show(sorted.map((m) => this.#row(m, m.userId === userId)));
  }

  /**
   * @param {Member} member
   * @param {boolean} isSelf
   * @returns {import("./rows.js").Row}
   */
  #row(member, isSelf) {
    const facts = this.#factsOf(member, isSelf);
    return { userId: member.userId, version: JSON.stringify(facts), make: () => this.#element(facts) };
  }

  /**
   * @param {Member} member
   * @param {boolean} isSelf
   * @returns {Facts}
   */
  #factsOf(member, isSelf) {
    const { userId, displayName: name, role, isMuted, handRaised, isAway } = member;
    const isLeftOut = this.#meeting.recording.isOn && member.recordingOptOut;
    const isGuest = member.isGuest && !isSelf;
    const notes = [
      isSelf && say("people.you"),
      role === "host" && say("people.host"),
      member.isSpotlit && say("people.spotlit"),
      isGuest && say("people.guest"),
      this.#meeting.sharers.has(userId) && say("people.sharing"),
      isLeftOut && say("people.notRecorded"),
      isAway && say("person.reconnecting"),
    ];
    const note = notes.filter(Boolean).join(" · ");
    const isPinned = this.#tiles.pinnedUser === userId;
    const canMute = this.#meeting.role === "host" && !isMuted && !isSelf;
    return { userId, name, note, isAway, handRaised, isPinned, isMuted, canMute, films: this.#tiles.films(member) };
  }

  /** @param {Facts} facts */
  #element(facts) {
    const { userId, name, note, isAway, handRaised, films } = facts;
    return h(
      "li",
      { class: isAway ? "is-away" : "", "data-user": userId },
      h("span", { class: `face ${tint(userId)}`, "aria-hidden": "true" }, initials(name)),
      h(
        "span",
        { class: "who" },
        h("bdi", { class: "name", title: isolated(name) }, name),
        note && h("small", {}, note),
      ),
      handRaised && sign("hand", say("person.handRaised"), "raised"),
      this.#pinButton(facts),
      this.#microphone(facts),
      films ? sign("camera", say("person.cameraOn"), "") : sign("cameraOff", say("person.cameraOff"), "off"),
      this.#moreButton(facts),
    );
  }

  /** @param {Facts} facts */
  #pinButton({ userId, name, isPinned }) {
    const words = say(isPinned ? "tile.unpin" : "tile.pin", { name });
    const button = this.#act("pin", "pin", words, () => this.#tiles.togglePin(userId));
    button.setAttribute("aria-pressed", String(isPinned));
    return button;
  }

  /**
   * The state of a microphone; of hosts also what mutes it.
   *
   * @param {Facts} facts
   */
  #microphone({ userId, name, isMuted, canMute }) {
    if (isMuted) return sign("micOff", say("person.muted"), "off");
    if (!canMute) return sign("mic", say("person.unmuted"), "");
    return this.#act("mute", "mic", say("people.mute", { name }), () => void this.#mute(userId));
  }

  /** @param {string} userId */
  #mute(userId) {
    const name = this.#meeting.roster.get(userId)?.displayName ?? say("meeting.someone");
    return this.#run(this.#meeting.askToMute(userId), say("people.beingMuted", { name }));
  }

  /** @param {Facts} facts */
  #moreButton({ userId, name }) {
    const more = this.#act("more", "more", say("member.more", { name }), () => {});
    this.#menu.openBy(more, userId);
    return more;
  }

  /**
   * @param {string} act
   * @param {import("./icons.js").IconName} name
   * @param {string} words
   * @param {() => void} run
   */
  #act(act, name, words, run) {
    const button = h("button", { type: "button", class: "quiet", onclick: run }, icon(name));
    label(button, words);
    button.dataset.act = act;
    return button;
  }

  /**
   * @param {Promise<unknown>} call
   * @param {string} done
   */
  async #run(call, done) {
    try {
      await call;
      notice(done);
    } catch (error) {
      fail(error);
    }
  }
}

/**
 * @param {import("./icons.js").IconName} name
 * @param {string} words
 * @param {string} look
 */
function sign(name, words, look) {
  const element = h("span", { class: `sign ${look}`, role: "img" }, icon(name));
  label(element, words);
  return element;
}
