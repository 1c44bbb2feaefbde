import { say } from "../words.js";
import { fill, h, label } from "./dom.js";
import { icon } from "./icons.js";
import { Menu, walkAlong } from "./menu.js";
import { PICKER } from "./reactions.js";

/**
 * @typedef {import("./keyboard.js").Command | "leave" | "end" | "settings" | "record" | "optOut" | "flip" | "rules"
 *   | "react" | "invitation" | "layout" | "floating" | "details"} Action
 */

/**
 * What someone can do about the recording of the meeting, in words; null: nothing to offer.
 *
 * @typedef {object} RecordingChoices
 * @property {boolean} isRecording
 * @property {{words: string, isPending: boolean} | null} record
 * @property {string | null} optOut
 */

/**
 * @typedef {object} ControlState
 * @property {boolean} isMuted
 * @property {boolean} isVideoOn
 * @property {boolean} isSharing
 * @property {boolean} canShare
 * @property {boolean} canFlip whether there is another camera
 * @property {boolean} canInvite
 * @property {boolean} handRaised
 * @property {"chat" | "people" | null} open
 * @property {number} unread
 * @property {number} people
 * @property {boolean} isHost
 * @property {RecordingChoices} recording
 * @property {boolean | null} fillsScreen null: this browser does not let a page fill the screen
 * @property {boolean | null} isFloating null: this browser cannot show a meeting above other windows
 */

/** The toolbar at the bottom, with its menus. */
export class Controls {
  #act;
  #buttons;
  #menu;
  #leaveMenu;
  #end;
  #more;
  #badge = h("span", { class: "unread", hidden: true });
  #people = h("span", { class: "people-count", "aria-hidden": "true" });

  /** @param {(action: Action) => void} act what a button does */
  constructor(act) {
    this.#act = act;
    this.#buttons = {
      mic: this.#button("mic", "M"),
      camera: this.#button("camera", "V"),
      screen: this.#button("screen", "S"),
      hand: this.#button("hand", "H"),
      chat: this.#button("chat", "C"),
      people: this.#button("people", "P"),
      record: this.#button("record"),
      react: this.#button("react"),
    };
    this.#buttons.react.append(icon("smile"));
    label(this.#buttons.react, say("reaction.title"));
    // As of a menu: a click on the button closes what it has opened.
    this.#buttons.react.setAttribute("popovertarget", PICKER);
    this.#buttons.react.addEventListener("click", (event) => event.preventDefault());
    this.#buttons.chat.append(icon("chat"), this.#badge);
    this.#buttons.people.append(icon("people"), this.#people);
    this.#buttons.screen.append(icon("screen"));
    this.#buttons.hand.append(icon("hand"));
    this.#buttons.record.append(icon("record"));
    this.#menu = new Menu(
      "more-menu",
      [
        ["screen", "screen", "", "narrow-only"],
        ["hand", "hand", "", "narrow-only"],
        ["react", "smile", say("reaction.title"), "narrow-only"],
        ["record", "record", "", "narrow-only"],
        ["flip", "flip", say("control.flip")],
        ["layout", "layout", say("layout.open"), "narrow-group"],
        ["fullScreen", "fullScreen", ""],
        ["floating", "floating", ""],
        ["invitation", "mail", say("invitation.title"), "first-of-group"],
        ["rules", "shield", say("rules.title")],
        ["optOut", "notRecorded", ""],
        ["settings", "settings", say("settings.title"), "first-of-group"],
        ["details", "details", say("details.title")],
      ],
      act,
    );
    this.#leaveMenu = new Menu(
      "leave-menu",
      [
        ["leave", "leave", say("control.leaveMeeting")],
        ["end", "close", say("control.end"), "dangerous"],
      ],
      act,
    );
    this.#end = h(
      "button",
      { type: "button", class: "control hang-up", "aria-label": say("control.leave"), title: say("control.leave") },
      icon("leave"),
    );
    this.#end.onclick = () => this.#act("leave");
    const more = h(
      "button",
      { type: "button", class: "control more", "aria-label": say("control.more"), title: say("control.more") },
      icon("more"),
    );
    this.#menu.openBy(more);
    this.#more = more;
    const { mic, camera, screen, hand, react, record, chat, people } = this.#buttons;
    const bar = h(
      "div",
      { class: "bar", role: "toolbar", "aria-label": say("control.toolbar"), onkeydown: walkAlong },
      h("div", { class: "group" }, mic, camera, screen, hand, react, record),
      h("div", { class: "group" }, chat, people, more),
      this.#end,
    );
    this.element = h("footer", { class: "controls" }, bar, this.#menu.element, this.#leaveMenu.element);
  }

  /** @param {ControlState} state */
  update({
    isMuted,
    isVideoOn,
    isSharing,
    canShare,
    canFlip,
    canInvite,
    handRaised,
    open,
    unread,
    people,
    isHost,
    recording,
    fillsScreen,
    isFloating,
  }) {
    const { mic, camera, screen, hand, chat, people: list } = this.#buttons;
    show(mic, say(isMuted ? "control.unmute" : "control.mute"), "M", { off: isMuted });
    fill(mic, icon(isMuted ? "micOff" : "mic"));
    show(camera, say(isVideoOn ? "control.cameraOff" : "control.cameraOn"), "V", { off: !isVideoOn });
    fill(camera, icon(isVideoOn ? "camera" : "cameraOff"));
    const screenWords = say(isSharing ? "control.stopSharing" : "control.share");
    show(screen, screenWords, "S", { active: isSharing });
    screen.hidden = !canShare;
    const handWords = say(handRaised ? "control.lowerHand" : "control.raiseHand");
    show(hand, handWords, "H", { active: handRaised });
    const chatWords = unread > 0 ? say("control.chatUnread", { count: unread }) : say("control.chat");
    show(chat, chatWords, "C", { active: open === "chat" });
    show(list, say("control.people", { number: people }), "P", { active: open === "people" });
    chat.setAttribute("aria-expanded", String(open === "chat"));
    list.setAttribute("aria-expanded", String(open === "people"));
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > 99 ? "99+" : String(unread);
    this.#people.textContent = String(people);
    if (isHost && !this.#end.hasAttribute("popovertarget")) this.#leaveMenu.openBy(this.#end);
    this.#leaveMenu.show("end", isHost);
    this.#menu.show("screen", canShare, screenWords);
    this.#menu.show("hand", true, handWords);
    this.#menu.show("flip", canFlip);
    this.#menu.show("invitation", canInvite);
    this.#menu.show("fullScreen", fillsScreen !== null, say(fillsScreen ? "view.leaveFullScreen" : "view.fullScreen"));
    this.#menu.show("floating", isFloating !== null, say(isFloating ? "floating.back" : "floating.open"));
    this.#menu.show("rules", isHost);
    this.#showRecording(recording);
  }

  /** @param {RecordingChoices} choices */
  #showRecording({ record, isRecording, optOut }) {
    const { record: button } = this.#buttons;
    button.hidden = record === null;
    // Not disabled: that would take the focus away from who has just pressed it.
    button.setAttribute("aria-disabled", String(record?.isPending ?? false));
    if (record) show(button, record.words, "", { active: isRecording });
    this.#menu.show("record", record !== null, record?.words);
    this.#menu.show("optOut", optOut !== null, optOut ?? "");
  }

  /** @returns {HTMLElement} where the choice of reactions opens: its own button, or the menu's where that is hidden */
  get reactButton() {
    return this.#buttons.react.getClientRects().length ? this.#buttons.react : this.#more;
  }

  /** @param {"mic" | "chat" | "people"} button that gets the focus */
  focus(button) {
    this.#buttons[button].focus();
  }

  /**
   * @param {import("./keyboard.js").Command | "record" | "react"} command
   * @param {string} [key]
   */
  #button(command, key) {
    const button = h("button", { type: "button", class: "control", onclick: () => this.#act(command) });
    if (key) button.setAttribute("aria-keyshortcuts", key);
    button.dataset.command = command;
    return button;
  }
}

/**
 * @param {HTMLButtonElement} button
 * @param {string} words
 * @param {string} key "" if there is none
 * @param {{off?: boolean, active?: boolean}} look
 */
function show(button, words, key, { off = false, active = false }) {
  label(button, words, key ? say("control.withKey", { label: words, key }) : words);
  button.classList.toggle("off", off);
  button.classList.toggle("active", active);
}
