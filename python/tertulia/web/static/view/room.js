/** @import { LocalMedia } from "../media.js" */
/** @import { Meeting } from "../meeting.js" */
/** @import { Rest } from "../protocol.js" */
/** @import { ChatMessage } from "../protocol/types.js" */
/** @import { Action } from "./controls.js" */
import { canShareScreen, listDevices, MutedSpeech } from "../media.js";
import { say } from "../words.js";
import { Announcer } from "./announcer.js";
import { stayAwake } from "./awake.js";
import { Chat } from "./chat.js";
import { Chimes } from "./chimes.js";
import { controlDialog } from "./control.js";
import { Controls } from "./controls.js";
import { detailsDialog } from "./details.js";
import { deviceTrouble, lossOf } from "./device_words.js";
import { closeDialogs, confirmation, settingsDialog, shortcutsDialog } from "./dialogs.js";
import { h } from "./dom.js";
import { canFloat, Floating } from "./floating.js";
import { Grid } from "./grid.js";
import { Header } from "./header.js";
import { icon } from "./icons.js";
import { invitationDialog } from "./invitation.js";
import { aloneCard, copyInvite } from "./invite.js";
import { listenToKeys } from "./keyboard.js";
import { clearNotices, fail, notice } from "./notices.js";
import { People } from "./people.js";
import { Permissions } from "./permissions.js";
import { prefer, preferences } from "./preferences.js";
import { Reactions } from "./reactions.js";
import { RecordingControl } from "./recording/control.js";
import { Sound } from "./sound.js";
import { PushToTalk } from "./talk.js";
import { toggleTheme } from "./theme.js";
import { Trouble } from "./trouble.js";
import { canFillScreen, fillsScreen, followFullScreen, layoutDialog, toggleFullScreen } from "./viewing.js";
import { followViewport } from "./viewport.js";
import { volumeDialog } from "./volume.js";

/** The screen of a meeting: what its parts show, and what keys and buttons do. */
export class Room {
  #meeting;
  #local;
  #inviteLink;
  #header;
  #grid;
  #floating;
  #chat;
  #people;
  #controls;
  #sound;
  #chimes;
  #mutedSpeech;
  #recording;
  #alone;
  #startSound;
  /** @type {"chat" | "people" | null} the side panel that is open */
  #open = null;
  #unread = 0;
  /** How many cameras there are. */
  #cameras = 0;
  #trouble;
  #permissions;
  #reactions;
  #rest;
  #cleanup;

  /**
   * @param {Meeting} meeting
   * @param {LocalMedia} local
   * @param {() => Promise<string>} inviteLink
   * @param {() => Promise<Rest>} rest the API, called as this member
   */
  constructor(meeting, local, inviteLink, rest) {
    this.#meeting = meeting;
    this.#local = local;
    this.#inviteLink = inviteLink;
    this.#rest = rest;
    const onInvite = () => void copyInvite(inviteLink());
    const onPeople = () => this.#toggle("people");
    this.#grid = new Grid(meeting, local, {
      onPinned: () => this.#people.update(),
      onVolume: (userId) => this.#chooseVolume(userId),
    });
    this.#floating = new Floating(
      this.#grid,
      (action) => this.#run(action),
      () => this.#update(),
    );
    this.#trouble = new Trouble(meeting, () => this.#update());
    this.#header = new Header({
      pager: this.#grid.pager,
      onInvite,
      onStopSharing: () => local.stopScreen(),
      content: preferences().screenContent,
      onContent: (screenContent) => {
        prefer({ screenContent });
        local.setScreenContent(screenContent);
      },
      onHelp: () => this.#trouble.explain(),
    });
    this.#chat = new Chat(meeting, () => this.#toggle("chat"));
    const onRules = () => this.#run("rules");
    this.#reactions = new Reactions((emoji) => void meeting.react(emoji).catch(fail));
    this.#people = new People(meeting, { onClose: onPeople, onInvite, onRules, pin: this.#grid });
    this.#controls = new Controls((action) => this.#run(action));
    this.#permissions = new Permissions(meeting);
    this.#recording = new RecordingControl(meeting, rest, () => this.#update());
    this.#startSound = startSoundButton(() => this.#onStartSound());
    this.#sound = new Sound(() => {
      this.#startSound.hidden = false;
    });
    this.#chimes = new Chimes(meeting, () => this.#open === "chat");
    this.#mutedSpeech = new MutedSpeech(local, {
      mayListen: () => preferences().mutedSpeech && meeting.may("unmute"),
      onSpeech: () => this.#onMutedSpeech(),
    });
    this.#alone = aloneCard(onInvite);
    this.element = h(
      "div",
      { class: "meeting" },
      this.#header.element,
      // By keyboard the microphone comes before the pins of the tiles.
      this.#controls.element,
      h("main", { class: "stage" }, this.#grid.element, this.#reactions.element, this.#alone, this.#startSound),
      this.#chat.element,
      this.#people.element,
      this.#sound.element,
    );
    this.#cleanup = this.#listen();
    this.#setSpeaker(preferences().speaker);
    this.#onTracks();
    this.#update();
    void this.#countCameras();
  }

  /** Puts the focus on the microphone: the button that joined is gone. */
  focus() {
    this.#controls.focus("mic");
  }

  close() {
    for (const end of this.#cleanup) end();
    clearNotices();
    closeDialogs();
    this.#floating.close();
    if (fillsScreen()) toggleFullScreen();
    this.#header.close();
    this.#grid.close();
    this.#sound.close();
  }

  #listen() {
    const [meeting, local, update] = [this.#meeting, this.#local, () => this.#update()];
    const talk = new PushToTalk({
      isMuted: () => local.isMuted,
      setMuted: (muted) => this.#setMuted(muted),
    });
    return [
      stayAwake(),
      followFullScreen(update),
      followViewport(() => this.#chat.showNewest()),
      listenToKeys((command) => this.#run(command), talk),
      ...new Announcer(meeting).listen(),
      ...this.#chimes.listen(),
      ...this.#mutedSpeech.listen(),
      ...this.#recording.listen(),
      ...this.#permissions.listen(),
      meeting.on("role", update),
      this.#people.knocks.listen(() => this.#open !== "people" && this.#toggle("people")),
      meeting.control.on("settings", update),
      meeting.control.on("waiting", update),
      meeting.roster.on("joined", update),
      meeting.roster.on("left", update),
      meeting.roster.on("changed", update),
      local.on("track", update),
      local.on("track", () => void this.#countCameras()),
      local.on("changed", update),
      local.on("lost", (what) => this.#onLost(what)),
      meeting.on("tracks", () => this.#onTracks()),
      meeting.on("speakers", (userIds) => this.#grid.setSpeakers(userIds)),
      meeting.on("paused", (videos) => this.#grid.setPaused(videos)),
      meeting.on("report", ({ qualities }) => this.#grid.setQualities(qualities)),
      ...this.#trouble.listen(),
      ...this.#chat.listen(),
      meeting.chat.on("said", (message) => this.#onChat(message)),
      meeting.on("reaction", ({ userId, emoji }) => this.#onReaction(userId, emoji)),
      meeting.on("muteRequested", (byUserId) => this.#onMuteRequested(byUserId)),
    ];
  }

  #update() {
    const { roster, role, recording, handRaised } = this.#meeting;
    const { isMuted, isVideoOn, isSharing } = this.#local;
    const people = roster.all.length;
    this.#controls.update({
      isMuted,
      isVideoOn,
      isSharing,
      handRaised,
      people,
      canShare: canShareScreen(),
      canFlip: isVideoOn && this.#cameras > 1,
      open: this.#open,
      unread: this.#unread,
      isHost: role === "host",
      recording: this.#recording.choices,
      fillsScreen: canFillScreen() ? fillsScreen() : null,
      isFloating: canFloat() ? this.#floating.isOpen : null,
    });
    this.#floating.update({ isMuted, isVideoOn });
    const hasSound = this.#local.track("screen-audio") !== null;
    this.#header.update({ isSharing, hasSound, isRecording: recording.isOn, trouble: this.#trouble });
    this.#mutedSpeech.update();
    this.#people.update();
    this.#chat.update();
    this.#grid.schedule();
    this.#alone.hidden = people > 1 || this.#meeting.control.waiting.size > 0;
    this.element.classList.toggle("is-lost", this.#trouble.isLost);
  }

  async #countCameras() {
    this.#cameras = (await listDevices()).cameras.length;
    this.#update();
  }

  /** @param {Action} action */
  #run(action) {
    switch (action) {
      case "mic":
        return this.#setMuted(!this.#local.isMuted);
      case "camera":
        return this.#setCamera(!this.#local.isVideoOn);
      case "screen":
        return this.#toggleScreen();
      case "flip":
        return this.#try("camera", () => this.#local.flipCamera());
      case "hand":
        return void this.#meeting.raiseHand(!this.#meeting.handRaised).then(() => this.#update(), fail);
      case "chat":
      case "people":
        return this.#toggle(action);
      case "invite":
        return void copyInvite(this.#inviteLink());
      case "invitation":
        return void this.#invite();
      case "react":
        return this.#reactions.choose(this.#controls.reactButton);
      case "settings":
        return settingsDialog(
          this.#local,
          (id) => this.#setSpeaker(id),
          () => this.#mutedSpeech.update(),
        );
      case "layout":
        return layoutDialog(this.#grid);
      case "fullScreen":
        return toggleFullScreen();
      case "floating":
        return void this.#floating.toggle().catch(() => notice(say("floating.failed")));
      case "details":
        return detailsDialog(this.#meeting);
      case "rules":
        return controlDialog(this.#meeting);
      case "theme":
        return toggleTheme();
      case "help":
        return shortcutsDialog();
      case "leave":
        return this.#meeting.leave();
      case "end":
        return void this.#end();
      case "record":
        return void this.#recording.toggle();
      case "optOut":
        return void this.#recording.setOptOut(!this.#meeting.recordingOptOut);
    }
  }

  /**
   * @param {"microphone" | "camera"} what
   * @param {() => Promise<void>} change
   */
  #try(what, change) {
    change().catch((error) => notice(deviceTrouble(what, error)));
  }

  /** @param {"microphone" | "camera"} what */
  #onLost(what) {
    const run = () => (what === "microphone" ? this.#setMuted(false) : this.#setCamera(true));
    const action = { label: say("device.restart"), run };
    notice(lossOf(what), { action, topic: `lost-${what}`, stays: true });
  }

  /** @param {string} deviceId "" is the system default */
  #setSpeaker(deviceId) {
    this.#sound.setSpeaker(deviceId);
    this.#chimes.setSpeaker(deviceId);
  }

  #onMutedSpeech() {
    const action = { label: say("control.unmute"), run: () => this.#setMuted(false) };
    notice(say("muted.speaking"), { action, topic: "mute" });
  }

  /** @param {boolean} muted */
  #setMuted(muted) {
    if (!muted) clearNotices("mute");
    if (!muted && !this.#permissions.check("unmute")) return;
    this.#try("microphone", () => this.#local.setMuted(muted));
  }

  /** @param {boolean} on */
  #setCamera(on) {
    if (on && !this.#permissions.check("video")) return;
    this.#try("camera", () => this.#local.setCamera(on));
  }

  #toggleScreen() {
    if (this.#local.isSharing) return this.#local.stopScreen();
    if (!this.#permissions.check("share")) return;
    // Closing the browser's dialog is no error.
    this.#local
      .shareScreen(preferences().screenContent)
      .catch((error) => error.name !== "NotAllowedError" && notice(deviceTrouble("screen", error)));
  }

  async #end() {
    const sure = await confirmation(say("end.question"), say("end.confirm"));
    if (sure) await this.#meeting.endForAll().catch(fail);
  }

  /** @param {"chat" | "people"} which */
  #toggle(which) {
    const from = this.#open;
    this.#open = from === which ? null : which;
    if (this.#open) closeDialogs(); // a notice over a dialog may have asked for it
    this.#chat.element.hidden = this.#open !== "chat";
    this.#people.element.hidden = this.#open !== "people";
    this.element.classList.toggle("has-panel", this.#open !== null);
    if (this.#open === "chat") {
      this.#unread = 0;
      clearNotices("chat");
      this.#chat.focus();
    } else if (this.#open === "people") this.#people.element.querySelector("button")?.focus();
    else if (from) this.#controls.focus(from);
    this.#update();
  }

  /** @param {string} userId */
  #chooseVolume(userId) {
    const name = this.#nameOf(userId, say("meeting.someone"));
    volumeDialog(name, this.#sound.volumeOf(userId), (volume) => this.#sound.setVolume(userId, volume));
  }

  #onTracks() {
    this.#sound.update(this.#meeting.tracks());
    this.#people.update();
    this.#grid.schedule();
  }

  /** @param {ChatMessage} message */
  #onChat(message) {
    if (this.#open === "chat" || message.userId === this.#meeting.userId) return;
    this.#unread++;
    const name = this.#nameOf(message.userId, say("meeting.someone"));
    const action = { label: say("chat.open"), run: () => this.#open !== "chat" && this.#toggle("chat") };
    notice(say("chat.preview", { name, text: message.text.slice(0, 80) }), { action, topic: "chat" });
    this.#update();
  }

  /**
   * @param {string} userId
   * @param {string} emoji
   */
  #onReaction(userId, emoji) {
    const name = userId === this.#meeting.userId ? say("chat.you") : this.#nameOf(userId, say("meeting.someone"));
    this.#reactions.show(emoji, name);
  }

  async #invite() {
    try {
      const [link, rest] = await Promise.all([this.#inviteLink(), this.#rest()]);
      const { role, roomId } = this.#meeting;
      invitationDialog({ link, host: role === "host" ? { rest, roomId } : null });
    } catch (error) {
      fail(error);
    }
  }

  /** @param {string} byUserId a host who wants us muted: we are, and may unmute ourselves */
  #onMuteRequested(byUserId) {
    if (this.#local.isMuted) return;
    const name = this.#nameOf(byUserId, say("meeting.host"));
    void this.#local.setMuted(true);
    const action = { label: say("control.unmute"), run: () => this.#setMuted(false) };
    notice(say("meeting.mutedBy", { name }), { action, topic: "mute" });
  }

  /**
   * @param {string} userId
   * @param {string} otherwise
   */
  #nameOf(userId, otherwise) {
    return this.#meeting.roster.get(userId)?.displayName ?? otherwise;
  }

  #onStartSound() {
    this.#startSound.hidden = true;
    this.#sound.start();
  }
}

/** @param {() => void} onclick */
function startSoundButton(onclick) {
  const look = { type: "button", class: "primary start-sound", hidden: true, onclick };
  return h("button", look, icon("speaker"), say("meeting.startSound"));
}
