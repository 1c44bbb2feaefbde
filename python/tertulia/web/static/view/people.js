/** @import { Meeting } from "../meeting.js" */
/** @import { Member } from "../protocol/roster.js" */
import { fill, h, initials, isolated, tint } from "./dom.js";
import { icon } from "./icons.js";
import { notice } from "./notices.js";
import { panel } from "./panel.js";

/** The list of people, with what a host can do to each. */
export class People {
  #meeting;
  #onInvite;
  #confirm;
  #pin;
  #list = h("ul", { class: "people-list" });
  #count = h("p", { class: "count" });
  #muteAll;

  /**
   * @param {Meeting} meeting
   * @param {object} actions
   * @param {() => void} actions.onClose
   * @param {() => void} actions.onInvite
   * @param {(question: string, yes: string) => Promise<boolean>} actions.confirm
   * @param {{pinnedUser: string, togglePin: (userId: string) => void}} actions.pin
   */
  constructor(meeting, { onClose, onInvite, confirm, pin }) {
    this.#meeting = meeting;
    this.#onInvite = onInvite;
    this.#confirm = confirm;
    this.#pin = pin;
    this.#muteAll = h(
      "button",
      {
        type: "button",
        class: "secondary",
        onclick: () => this.#run(meeting.muteAll(), "Everyone is being muted. They can unmute themselves."),
      },
      icon("muteAll"),
      "Mute all",
    );
    const invite = h(
      "button",
      { type: "button", class: "secondary", onclick: () => this.#onInvite() },
      icon("link"),
      "Copy invite link",
    );
    this.element = panel(
      "people",
      "People",
      onClose,
      h("div", { class: "panel-actions" }, invite, this.#muteAll),
      this.#count,
      this.#list,
    );
  }

  /** Updates the list if it is visible; to be called when it is shown, too. */
  update() {
    if (this.element.hidden) return;
    const { roster, role, userId } = this.#meeting;
    const members = roster.all;
    this.#muteAll.hidden = role !== "host" || members.length < 2;
    this.#count.textContent = members.length === 1 ? "Only you are here" : `${members.length} people`;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.act;
    const raised = members.filter((m) => m.handRaised);
    fill(
      this.#list,
      ...[...raised, ...members.filter((m) => !m.handRaised)].map((m) => this.#row(m, m.userId === userId)),
    );
    if (focused) this.#list.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.dispatchEvent(new Event("refocus"));
  }

  /**
   * @param {Member} member
   * @param {boolean} isSelf
   */
  #row(member, isSelf) {
    const { userId, displayName, role, isMuted, isVideoOn, handRaised, isAway } = member;
    const isLeftOut = this.#meeting.recording.isOn && member.recordingOptOut;
    const isGuest = member.isGuest && !isSelf;
    const notes = [
      isSelf && "You",
      role === "host" && "Host",
      isGuest && "Guest",
      this.#meeting.sharers.has(userId) && "Sharing the screen",
      isLeftOut && "Not recorded",
      isAway && "Reconnecting…",
    ];
    const note = notes.filter(Boolean).join(" · ");
    return h(
      "li",
      { class: isAway ? "is-away" : "" },
      h("span", { class: `face ${tint(userId)}`, "aria-hidden": "true" }, initials(displayName)),
      h("span", { class: "who" }, h("bdi", { class: "name" }, displayName), note && h("small", {}, note)),
      handRaised && sign("hand", "Hand raised", "raised"),
      this.#pinButton(member),
      ...(this.#meeting.role === "host" && !isSelf ? this.#hostActions(member) : [microphoneSign(isMuted)]),
      isVideoOn ? sign("camera", "Camera on", "") : sign("cameraOff", "Camera off", "off"),
    );
  }

  /** @param {Member} member */
  #pinButton({ userId, displayName }) {
    const isPinned = this.#pin.pinnedUser === userId;
    const label = `${isPinned ? "Unpin" : "Pin"} ${displayName}`;
    const button = this.#act(`pin-${userId}`, "pin", label, () => this.#pin.togglePin(userId));
    button.setAttribute("aria-pressed", String(isPinned));
    return button;
  }

  /** @param {Member} member */
  #hostActions({ userId, displayName, isMuted }) {
    const mute = isMuted
      ? microphoneSign(isMuted)
      : this.#act(`mute-${userId}`, "mic", `Mute ${displayName}`, () =>
          this.#run(
            this.#meeting.askToMute(userId),
            `${isolated(displayName)} is being muted. They can unmute themselves.`,
          ),
        );
    const remove = this.#act(`remove-${userId}`, "remove", `Remove ${displayName}`, async () => {
      const sure = await this.#confirm(`Remove ${isolated(displayName)} from the meeting?`, "Remove");
      if (sure) await this.#run(this.#meeting.remove(userId), `${isolated(displayName)} was removed.`);
    });
    return [remove, mute];
  }

  /**
   * @param {string} act
   * @param {import("./icons.js").IconName} name
   * @param {string} label
   * @param {() => void} run
   */
  #act(act, name, label, run) {
    const button = h(
      "button",
      { type: "button", class: "quiet", "aria-label": label, title: label, onclick: run },
      icon(name),
    );
    button.dataset.act = act;
    button.addEventListener("refocus", () => button.focus());
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
      notice(error instanceof Error ? error.message : String(error));
    }
  }
}

/**
 * @param {import("./icons.js").IconName} name
 * @param {string} label
 * @param {string} look
 */
function sign(name, label, look) {
  return h("span", { class: `sign ${look}`, role: "img", "aria-label": label, title: label }, icon(name));
}

/** @param {boolean} isMuted */
function microphoneSign(isMuted) {
  return isMuted ? sign("micOff", "Muted", "off") : sign("mic", "Microphone on", "");
}
