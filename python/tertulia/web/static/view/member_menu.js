/** @import { Meeting } from "../meeting.js" */
/** @import { Member } from "../protocol/roster.js" */
import { say } from "../words.js";
import { confirmation } from "./dialog.js";
import { Menu } from "./menu.js";
import { fail, notice } from "./notices.js";

/** @typedef {"rename" | "volume" | "video" | "unmute" | "hand" | "spotlight" | "role" | "remove"} MemberAction */

/** What can be done about one member: one menu for the whole list. */
export class MemberMenu {
  #meeting;
  #onRename;
  #onVolume;
  #menu;
  #userId = "";

  /**
   * @param {Meeting} meeting
   * @param {object} actions
   * @param {() => void} actions.onRename we want another name
   * @param {(userId: string) => void} actions.onVolume somebody's volume is to be changed
   */
  constructor(meeting, { onRename, onVolume }) {
    this.#meeting = meeting;
    this.#onRename = onRename;
    this.#onVolume = onVolume;
    this.#menu = new Menu(
      "member-menu",
      [
        ["rename", "edit", say("rename.title")],
        ["volume", "speaker", ""],
        ["unmute", "mic", ""],
        ["video", "cameraOff", ""],
        ["hand", "hand", say("member.lowerHand")],
        ["spotlight", "spotlight", ""],
        ["role", "shield", ""],
        ["remove", "remove", "", "dangerous"],
      ],
      (action) => void this.#run(action),
    );
    this.element = this.#menu.element;
  }

  /**
   * @param {HTMLButtonElement} button opens the menu
   * @param {string} userId about whom
   */
  openBy(button, userId) {
    this.#menu.openBy(button, () => {
      this.#userId = userId;
      this.#update();
    });
  }

  /** @param {string} userId who has left: there is nothing to choose for them any more */
  forget(userId) {
    if (userId === this.#userId) this.element.hidePopover();
  }

  #update() {
    const { control, role, roster, userId: self } = this.#meeting;
    const member = roster.get(this.#userId);
    if (!member) return;
    const [isSelf, isHost, decides] = [this.#userId === self, member.role === "host", role === "host"];
    const { displayName: name } = member;
    const mayUnmute = control.may(this.#userId, "unmute");
    const isUsual = control.settings.unmute === "everyone";
    const mayShow = control.may(this.#userId, "video");
    this.#menu.show("rename", isSelf);
    this.#menu.show("volume", !isSelf, say("volume.of", { name }));
    this.#menu.show(
      "unmute",
      decides && !isSelf && !isHost,
      say(mayUnmute ? (isUsual ? "member.keepMuted" : "member.muteAgain") : "member.letSpeak"),
    );
    this.#menu.show("video", decides && !isSelf && !isHost, say(mayShow ? "member.stopVideo" : "member.allowVideo"));
    this.#menu.show("hand", decides && member.handRaised && !isSelf);
    this.#menu.show("spotlight", decides, say(member.isSpotlit ? "member.unspotlight" : "member.spotlight"));
    this.#menu.show("role", decides && !isSelf, say(isHost ? "member.makeAttendee" : "member.makeHost"));
    this.#menu.show("remove", decides && !isSelf, say("people.remove", { name }));
  }

  /** @param {MemberAction} action */
  async #run(action) {
    const member = this.#meeting.roster.get(this.#userId);
    if (!member) return;
    try {
      const done = await this.#do(action, member);
      if (done) notice(done);
    } catch (error) {
      fail(error);
    }
  }

  /**
   * @param {MemberAction} action
   * @param {Member} member
   * @returns {Promise<string | null>} what is to be said of it
   */
  async #do(action, member) {
    const { control } = this.#meeting;
    const { userId } = member;
    switch (action) {
      case "rename":
        this.#onRename();
        return null;
      case "volume":
        this.#onVolume(userId);
        return null;
      case "unmute":
      case "video":
        await control.allow(member, action, !control.may(userId, action));
        return null;
      case "hand":
        await control.lowerHand(userId);
        return null;
      case "spotlight":
        await control.spotlight(userId, !member.isSpotlit);
        return null;
      case "role":
        return this.#changeRole(member);
      case "remove":
        return this.#remove(member);
    }
  }

  /**
   * @param {Member} member
   * @returns {Promise<string | null>}
   */
  async #changeRole({ userId, displayName: name, role }) {
    if (role === "host") {
      await this.#meeting.control.setRole(userId, "attendee");
      return say("member.isAttendee", { name });
    }
    const sure = await confirmation(say("member.hostQuestion", { name }), say("member.makeHost"), {
      words: [say("member.hostWords")],
      isHarmless: true,
      about: userId,
    });
    if (!sure) return null;
    await this.#meeting.control.setRole(userId, "host");
    return say("member.isHost", { name });
  }

  /** @param {Member} member */
  async #remove({ userId, displayName: name, isGuest }) {
    const sure = await confirmation(say("people.removeQuestion", { name }), say("action.remove"), { about: userId });
    if (!sure) return null;
    await this.#meeting.remove(userId, isGuest);
    return say("people.removed", { name });
  }
}
