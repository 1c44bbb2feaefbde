import { fill, h } from "./dom.js";
import { icon } from "./icons.js";

/** @typedef {import("./keyboard.js").Command | "leave" | "end" | "settings"} Action */

/**
 * @typedef {object} ControlState
 * @property {boolean} isMuted
 * @property {boolean} isVideoOn
 * @property {boolean} isSharing
 * @property {boolean} canShare
 * @property {boolean} handRaised
 * @property {"chat" | "people" | null} open
 * @property {number} unread
 * @property {number} people
 * @property {boolean} isHost
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
    };
    this.#buttons.chat.append(icon("chat"), this.#badge);
    this.#buttons.people.append(icon("people"), this.#people);
    this.#buttons.screen.append(icon("screen"));
    this.#buttons.hand.append(icon("hand"));
    this.#menu = this.#popover("more-menu", [
      ["screen", "screen", "Share your screen", "narrow-only"],
      ["hand", "hand", "Raise or lower hand", "narrow-only"],
      ["invite", "link", "Copy invite link", ""],
      ["settings", "settings", "Settings", ""],
      ["theme", "theme", "Switch between light and dark", ""],
      ["help", "keyboard", "Keyboard shortcuts", ""],
    ]);
    this.#leaveMenu = this.#popover("leave-menu", [
      ["leave", "leave", "Leave the meeting", ""],
      ["end", "close", "End the meeting for everyone", "dangerous"],
    ]);
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
    opens(more, this.#menu);
    const { mic, camera, screen, hand, chat, people } = this.#buttons;
    const bar = h(
      "div",
      { class: "bar", role: "toolbar", "aria-label": "Controls" },
      h("div", { class: "group" }, mic, camera, screen, hand),
      h("div", { class: "group" }, chat, people, more),
      this.#end,
    );
    this.element = h("footer", { class: "controls" }, bar, this.#menu, this.#leaveMenu);
  }

  /** @param {ControlState} state */
  update({ isMuted, isVideoOn, isSharing, canShare, handRaised, open, unread, people, isHost }) {
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
    if (isHost && !this.#end.hasAttribute("popovertarget")) opens(this.#end, this.#leaveMenu);
    const shareItem = /** @type {HTMLElement} */ (this.#menu.querySelector("[data-action=screen]"));
    shareItem.hidden = !canShare;
  }

  /** @param {"chat" | "people"} panel whose button gets the focus */
  focus(panel) {
    this.#buttons[panel].focus();
  }

  /**
   * @param {import("./keyboard.js").Command} command
   * @param {string} key
   */
  #button(command, key) {
    const button = h("button", { type: "button", class: "control", onclick: () => this.#act(command) });
    button.setAttribute("aria-keyshortcuts", key);
    button.dataset.command = command;
    return button;
  }

  /**
   * @param {string} id
   * @param {[Action, import("./icons.js").IconName, string, string][]} items
   */
  #popover(id, items) {
    const menu = h(
      "div",
      { id, class: "menu", role: "menu", popover: "auto", onkeydown: walkMenu },
      ...items.map(([action, name, words, look]) => {
        const item = h(
          "button",
          {
            type: "button",
            role: "menuitem",
            class: look,
            onclick: () => {
              menu.hidePopover();
              this.#act(action);
            },
          },
          icon(name),
          words,
        );
        item.dataset.action = action;
        return item;
      }),
    );
    return menu;
  }
}

/**
 * Makes `button` open and close `menu`. The first item gets the focus at once: a "toggle" event would come after the next
 * key of a fast typist.
 *
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} menu
 */
function opens(button, menu) {
  // Tells the browser that the button belongs to the menu: else a click on it would close the menu first, as one outside.
  button.setAttribute("popovertarget", menu.id);
  button.setAttribute("aria-haspopup", "menu");
  button.onclick = (event) => {
    event.preventDefault();
    if (menu.togglePopover()) visible(menu)[0]?.focus();
  };
}

/** @param {KeyboardEvent} event */
function walkMenu(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = visible(/** @type {HTMLElement} */ (event.currentTarget));
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  items.at((at + step) % items.length)?.focus();
}

/**
 * @param {HTMLElement} menu
 * @returns {HTMLElement[]}
 */
function visible(menu) {
  return [...menu.querySelectorAll("button")].filter(
    (item) => item.offsetParent !== null || item.getClientRects().length > 0,
  );
}

/**
 * @param {HTMLButtonElement} button
 * @param {string} label
 * @param {string} key
 * @param {{off?: boolean, active?: boolean}} look
 */
function show(button, label, key, { off = false, active = false }) {
  button.setAttribute("aria-label", label);
  button.title = `${label} (${key})`;
  button.classList.toggle("off", off);
  button.classList.toggle("active", active);
}
