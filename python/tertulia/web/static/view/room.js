/** @import { Meeting } from "../meeting.js" */
/** @import { LocalMedia } from "../media.js" */
import { canShareScreen, deviceTrouble } from "../media.js";
import { stayAwake } from "./awake.js";
import { brand } from "./brand.js";
import { Chat } from "./chat.js";
import { Comings } from "./comings.js";
import { Controls } from "./controls.js";
import { closeDialogs, confirmation, linkDialog, settingsDialog, shortcutsDialog } from "./dialogs.js";
import { fill, h } from "./dom.js";
import { Grid } from "./grid.js";
import { icon } from "./icons.js";
import { listenToKeys } from "./keyboard.js";
import { clearNotices, notice } from "./notices.js";
import { People } from "./people.js";
import { preferences } from "./preferences.js";
import { Sound } from "./sound.js";
import { toggleTheme } from "./theme.js";

/** In a room with more people, notices of who comes and goes would be noise. */
const ANNOUNCED_UP_TO = 30;

/** The meeting as one sees it. */
export class Room {
  #meeting;
  #local;
  #inviteLink;
  #grid;
  #chat;
  #people;
  #controls;
  #sound;
  #banner = h("div", { class: "banner", role: "alert", hidden: true });
  #sharing = h("div", { class: "sharing", hidden: true });
  #alone;
  #recording = h("span", { class: "recording", hidden: true }, "Recording");
  #clock = h("time", { class: "clock" });
  #startSound;
  /** @type {"chat" | "people" | null} */
  #open = null;
  #unread = 0;
  /** Whose raised hands were told, or up before we came. */
  #raised;
  #mediaFlows = true;
  #talking = false;
  #comings = { joined: new Comings("joined"), left: new Comings("left") };
  /** @type {(() => void)[]} */
  #ends = [];

  /**
   * @param {Meeting} meeting
   * @param {LocalMedia} local
   * @param {() => Promise<string>} inviteLink
   */
  constructor(meeting, local, inviteLink) {
    this.#meeting = meeting;
    this.#local = local;
    this.#inviteLink = inviteLink;
    this.#grid = new Grid(meeting, local, () => this.#toggle("people"));
    this.#chat = new Chat(meeting, () => this.#toggle("chat"));
    const actions = {
      onClose: () => this.#toggle("people"),
      onInvite: () => this.#copyInvite(),
      confirm: confirmation,
    };
    this.#people = new People(meeting, actions);
    this.#controls = new Controls((action) => this.#run(action));
    this.#sound = new Sound(() => (this.#startSound.hidden = false));
    this.#startSound = h(
      "button",
      { type: "button", class: "primary start-sound", hidden: true, onclick: this.#onStartSound },
      icon("speaker"),
      "Turn sound on",
    );
    this.#alone = this.#aloneCard();
    this.#raised = new Set(meeting.roster.all.filter((member) => member.handRaised).map((member) => member.userId));
    this.#sharing.append(
      icon("screen"),
      "You are sharing your screen",
      h("button", { type: "button", class: "text-button", onclick: () => this.#run("screen") }, "Stop"),
    );
    this.element = h(
      "div",
      { class: "meeting" },
      h(
        "header",
        { class: "top" },
        h("h1", { class: "hidden" }, "Meeting"),
        brand(),
        this.#clock,
        this.#recording,
        this.#sharing,
        this.#banner,
        h("div", { class: "top-end" }, this.#grid.more, this.#inviteButton()),
      ),
      h("main", { class: "stage" }, this.#grid.element, this.#alone, this.#startSound),
      this.#chat.element,
      this.#people.element,
      this.#controls.element,
      this.#sound.element,
    );
    this.#listen();
    this.#sound.setSpeaker(preferences().speaker);
    this.#update();
  }

  close() {
    for (const end of this.#ends) end();
    clearNotices();
    closeDialogs();
    this.#grid.close();
    this.#sound.close();
  }

  #listen() {
    const { roster } = this.#meeting;
    const began = Date.now();
    const clock = setInterval(() => this.#showClock(began), 1000);
    this.#showClock(began);
    this.#ends = [
      () => clearInterval(clock),
      stayAwake(),
      listenToKeys(
        (command) => this.#run(command),
        (talking) => this.#holdToTalk(talking),
      ),
      roster.on("joined", (member) => this.#onRoster(member, "joined")),
      roster.on("left", (member) => this.#onRoster(member, "left")),
      roster.on("changed", (member) => this.#onChanged(member)),
      this.#local.on("track", () => this.#update()),
      this.#local.on("changed", () => this.#update()),
      this.#meeting.on("tracks", () => this.#onTracks()),
      this.#meeting.on("speakers", (userIds) => this.#grid.setSpeakers(userIds)),
      this.#meeting.on("report", ({ qualities }) => this.#grid.setQualities(qualities)),
      this.#meeting.on("state", () => this.#update()),
      this.#meeting.on("media", (flows) => this.#onMedia(flows)),
      this.#meeting.on("recording", () => this.#update()),
      this.#meeting.on("chat", (message) => this.#onChat(message)),
      this.#meeting.on("muteRequested", (byUserId) => this.#onMuteRequested(byUserId)),
    ];
    this.#onTracks();
  }

  #update() {
    const { hub, roster, role, isRecording, handRaised } = this.#meeting;
    const { isMuted, isVideoOn, isSharing } = this.#local;
    const people = roster.all.length;
    this.#controls.update({
      isMuted,
      isVideoOn,
      isSharing,
      handRaised,
      people,
      canShare: canShareScreen(),
      open: this.#open,
      unread: this.#unread,
      isHost: role === "host",
    });
    this.#people.update();
    this.#grid.schedule();
    this.#alone.hidden = people > 1;
    this.#sharing.hidden = !isSharing;
    this.#recording.hidden = !isRecording;
    const lost = hub.state === "reconnecting";
    const words = lost
      ? "Connection lost. Coming back…"
      : this.#mediaFlows
        ? ""
        : "Sound and picture stopped. Looking for another way…";
    if (this.#banner.textContent !== words) this.#banner.textContent = words;
    this.#banner.hidden = words === "";
    this.element.classList.toggle("is-lost", lost);
  }

  /** @param {import("./controls.js").Action} action */
  #run(action) {
    switch (action) {
      case "mic":
        return this.#try("microphone", () => this.#local.setMuted(!this.#local.isMuted));
      case "camera":
        return this.#try("camera", () => this.#local.setCamera(!this.#local.isVideoOn));
      case "screen":
        return this.#toggleScreen();
      case "hand":
        return void this.#meeting.raiseHand(!this.#meeting.handRaised).then(() => this.#update(), this.#say);
      case "chat":
      case "people":
        return this.#toggle(action);
      case "invite":
        return void this.#copyInvite();
      case "settings":
        return settingsDialog(this.#local, (id) => this.#sound.setSpeaker(id));
      case "theme":
        return toggleTheme();
      case "help":
        return shortcutsDialog();
      case "leave":
        return this.#meeting.leave();
      case "end":
        return void this.#end();
    }
  }

  /**
   * @param {"microphone" | "camera" | "screen"} what
   * @param {() => Promise<void>} change
   */
  #try(what, change) {
    change().catch((error) => notice(deviceTrouble(what, error)));
  }

  #toggleScreen() {
    if (this.#local.isSharing) return this.#local.stopScreen();
    // Who closes the browser's picker has not met an error.
    this.#local
      .shareScreen()
      .catch((error) => error.name !== "NotAllowedError" && notice(deviceTrouble("screen", error)));
  }

  async #end() {
    const sure = await confirmation("End the meeting for everyone?", "End the meeting");
    if (sure) await this.#meeting.endForAll().catch(this.#say);
  }

  /** @param {unknown} error */
  #say = (error) => notice(error instanceof Error ? error.message : String(error));

  /** @param {boolean} talking */
  #holdToTalk(talking) {
    if (talking && !this.#local.isMuted) return;
    if (!talking && !this.#talking) return;
    this.#talking = talking;
    this.#try("microphone", () => this.#local.setMuted(!talking));
  }

  /** @param {"chat" | "people"} which */
  #toggle(which) {
    const from = this.#open;
    this.#open = from === which ? null : which;
    this.#chat.element.hidden = this.#open !== "chat";
    this.#people.element.hidden = this.#open !== "people";
    this.element.classList.toggle("has-panel", this.#open !== null);
    if (this.#open === "chat") {
      this.#unread = 0;
      clearNotices("chat");
      this.#chat.focus();
    } else if (this.#open === "people") this.#people.element.querySelector("button")?.focus();
    else if (from) /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-command=${from}]`))?.focus();
    this.#update();
  }

  async #copyInvite() {
    const link = this.#inviteLink();
    try {
      // Not writeText: the press may have been too long ago once the link is there.
      const text = link.then((words) => new Blob([words], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
      notice("The invite link is copied.", { topic: "invite" });
    } catch {
      await link.then(linkDialog, this.#say);
    }
  }

  /**
   * @param {import("../protocol/roster.js").Member} member
   * @param {"joined" | "left"} what
   */
  #onRoster({ userId, displayName }, what) {
    const isNews = userId !== this.#meeting.userId && this.#meeting.roster.all.length <= ANNOUNCED_UP_TO;
    if (isNews) notice(this.#comings[what].tell(displayName, performance.now()), { topic: what });
    this.#update();
  }

  /** @param {import("../protocol/roster.js").Member} member */
  #onChanged(member) {
    if (member.handRaised && !this.#raised.has(member.userId) && member.userId !== this.#meeting.userId)
      notice(`${member.displayName} raised a hand`);
    if (member.handRaised) this.#raised.add(member.userId);
    else this.#raised.delete(member.userId);
    this.#update();
  }

  #onTracks() {
    this.#sound.update(this.#meeting.tracks());
    this.#grid.schedule();
  }

  /** @param {boolean} flows */
  #onMedia(flows) {
    this.#mediaFlows = flows;
    this.#update();
  }

  /** @param {import("../protocol/types.js").ChatMessage} message */
  #onChat(message) {
    this.#chat.add(message);
    if (this.#open === "chat" || message.userId === this.#meeting.userId) return;
    this.#unread++;
    const name = this.#meeting.roster.get(message.userId)?.displayName ?? "Someone";
    const action = { label: "Open chat", run: () => this.#open !== "chat" && this.#toggle("chat") };
    notice(`${name}: ${message.text.slice(0, 80)}`, { action, topic: "chat" });
    this.#update();
  }

  /** @param {string} byUserId the host asks; what is done is done here */
  #onMuteRequested(byUserId) {
    if (this.#local.isMuted) return;
    const name = this.#meeting.roster.get(byUserId)?.displayName ?? "The host";
    void this.#local.setMuted(true);
    const action = { label: "Unmute", run: () => this.#try("microphone", () => this.#local.setMuted(false)) };
    notice(`${name} muted you.`, { action, topic: "mute" });
  }

  #onStartSound = () => {
    this.#startSound.hidden = true;
    this.#sound.start();
  };

  #inviteButton() {
    const button = h(
      "button",
      { type: "button", class: "top-button", title: "Copy invite link (I)", onclick: () => this.#copyInvite() },
      icon("link"),
      h("span", {}, "Invite"),
    );
    button.setAttribute("aria-label", "Copy invite link");
    return button;
  }

  #aloneCard() {
    const copy = h(
      "button",
      { type: "button", class: "primary", onclick: () => this.#copyInvite() },
      icon("link"),
      "Copy invite link",
    );
    return h(
      "div",
      { class: "alone" },
      h("h2", {}, "You are the first one here"),
      h("p", {}, "Send this link to those you want to meet."),
      copy,
    );
  }

  /** @param {number} began */
  #showClock(began) {
    const seconds = Math.floor((Date.now() - began) / 1000);
    const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const shown = parts[0] ? parts : parts.slice(1);
    fill(this.#clock, shown.map((part, i) => (i ? String(part).padStart(2, "0") : String(part))).join(":"));
  }
}
