import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { Menu } from "./menu.js";

/** @typedef {import("./keyboard.js").Command | "leave" | "end" | "settings" | "record" | "optOut" | "flip"} Action */

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
 * @property {boolean} handRaised
 * @property {"chat" | "people" | null} open
 * @property {number} unread
 * @property {number} people
 * @property {boolean} isHost
 * @property {RecordingChoices} recording
 */

/** The toolbar at the bottom, with its menus. */
export class Controls {
  #act;
  #buttons;
  #menu;
  #leaveMenu;
  #end;
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
    };
    this.#buttons.chat.append(icon("chat"), this.#badge);
    this.#buttons.people.append(icon("people"), this.#people);
    this.#buttons.screen.append(icon("screen"));
    this.#buttons.hand.append(icon("hand"));
    this.#buttons.record.append(icon("record"));
    this.#menu = new Menu(
      "more-menu",
      [
        ["screen", "screen", "Share your screen", "narrow-only"],
        ["hand", "hand", "Raise or lower hand", "narrow-only"],
        ["record", "record", "", "narrow-only"],
        ["flip", "flip", "Use the other camera"],
        ["optOut", "notRecorded", ""],
        ["invite", "link", "Copy invite link"],
        ["settings", "settings", "Settings"],
        ["theme", "theme", "Switch between light and dark"],
        ["help", "keyboard", "Keyboard shortcuts"],
      ],
      act,
    );
    this.#leaveMenu = new Menu(
      "leave-menu",
      [
        ["leave", "leave", "Leave the meeting"],
        ["end", "close", "End the meeting for everyone", "dangerous"],
      ],
      act,
    );
    this.#end = h(
      "button",
      { type: "button", class: "control hang-up", "aria-label": "Leave", title: "Leave" },
      icon("leave"),
    );
    this.#end.onclick = () => this.#act("leave");
    const more = h(
      "button",
      { type: "button", class: "control more", "aria-label": "More", title: "More" },
      icon("more"),
    );
    this.#menu.openBy(more);
    const { mic, camera, screen, hand, record, chat, people } = this.#buttons;
    const bar = h(
      "div",
      { class: "bar", role: "toolbar", "aria-label": "Controls" },
      h("div", { class: "group" }, mic, camera, screen, hand, record),
      h("div", { class: "group" }, chat, people, more),
      this.#end,
    );
    this.element = h("footer", { class: "controls" }, bar, this.#menu.element, this.#leaveMenu.element);
  }

  /** @param {ControlState} state */
  update({ isMuted, isVideoOn, isSharing, canShare, canFlip, handRaised, open, unread, people, isHost, recording }) {
    const { mic, camera, screen, hand, chat, people: list } = this.#buttons;
    show(mic, isMuted ? "Unmute" : "Mute", "M", { off: isMuted });
    fill(mic, icon(isMuted ? "micOff" : "mic"));
    show(camera, isVideoOn ? "Turn camera off" : "Turn camera on", "V", { off: !isVideoOn });
    fill(camera, icon(isVideoOn ? "camera" : "cameraOff"));
    show(screen, isSharing ? "Stop sharing your screen" : "Share your screen", "S", { active: isSharing });
    screen.hidden = !canShare;
    show(hand, handRaised ? "Lower your hand" : "Raise your hand", "H", { active: handRaised });
    const news = unread > 0 ? `, ${unread} unread` : "";
    show(chat, `Chat${news}`, "C", { active: open === "chat" });
    show(list, `People, ${people}`, "P", { active: open === "people" });
    chat.setAttribute("aria-expanded", String(open === "chat"));
    list.setAttribute("aria-expanded", String(open === "people"));
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = unread > 99 ? "99+" : String(unread);
    this.#people.textContent = String(people);
    if (isHost && !this.#end.hasAttribute("popovertarget")) this.#leaveMenu.openBy(this.#end);
    this.#menu.show("screen", canShare);
    this.#menu.show("flip", canFlip);
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

  /** @param {"mic" | "chat" | "people"} button that gets the focus */
  focus(button) {
    this.#buttons[button].focus();
  }

  /**
   * @param {import("./keyboard.js").Command | "record"} command
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
 * @param {string} label
 * @param {string} key "" if there is none
 * @param {{off?: boolean, active?: boolean}} look
 */
function show(button, label, key, { off = false, active = false }) {
  button.setAttribute("aria-label", label);
  button.title = key ? `${label} (${key})` : label;
  button.classList.toggle("off", off);
  button.classList.toggle("active", active);
}
