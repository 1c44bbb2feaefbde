/** @import { LocalMedia } from "../media.js" */
/** @import { Meeting } from "../meeting.js" */
/** @import { Rest } from "../protocol.js" */
/** @import { Action } from "./controls.js" */
/** @import { FirstPictures } from "./picture.js" */
/** @import { Inviting } from "./invites.js" */
/** @import { Moves } from "./moves.js" */
import { canShareScreen } from "../media.js";
import { say } from "../words.js";
import { Announcer } from "./announcer.js";
import { Chat } from "./chat.js";
import { Chimes } from "./chimes.js";
import { Controls } from "./controls.js";
import { closeDialogs, confirmation } from "./dialog.js";
import { h } from "./dom.js";
import { canFloat, Floating } from "./floating.js";
import { Grid } from "./grid.js";
import { Header } from "./header.js";
import { ignoreHeldKeys } from "./held_keys.js";
import { icon } from "./icons.js";
import { aloneCard, copyInvite } from "./invite.js";
import { Keyboard } from "./keyboard.js";
import { clearNotices, fail, notice } from "./notices.js";
import { OwnDevices } from "./own_devices.js";
import { People } from "./people.js";
import { Permissions } from "./permissions.js";
import { prefer, preferences } from "./preferences.js";
import { Reactions } from "./reactions.js";
import { RecordingControl } from "./recording/control.js";
import { Redraw } from "./redraw.js";
import { RoomDialogs } from "./room_dialogs.js";
import { canFillScreen, fillsScreen, followFullScreen, followViewport, stayAwake, toggleFullScreen } from "./screen.js";
import { SidePanels } from "./side_panels.js";
import { Sound } from "./sound.js";
import { toggleTheme } from "./theme.js";
import { Trouble } from "./trouble.js";

/** The screen of a meeting: what its parts show, and what keys and buttons do. */
export class Room {
  #meeting;
  #local;
  #inviting;
  #header;
  #grid;
  #floating;
  #keyboard;
  #chat;
  #people;
  #panels;
  #controls;
  #devices;
  #dialogs;
  #sound;
  #chimes;
  #recording;
  #alone;
  #startSound;
  #trouble;
  #permissions;
  #reactions;
  #redraw = new Redraw(() => this.#update());
  #cleanup;

  /**
   * @param {Meeting} meeting
   * @param {LocalMedia} local
   * @param {Inviting} inviting
   * @param {() => Promise<Rest>} rest the API, called as this member
   * @param {Moves} moves of the page
   * @param {FirstPictures} pictures of the meeting
   */
  constructor(meeting, local, inviting, rest, moves, pictures) {
    this.#meeting = meeting;
    this.#local = local;
    this.#inviting = inviting;
    const [update, run] = [() => this.#redraw.schedule(), (/** @type {Action} */ action) => this.#run(action)];
    const onInvite = () => run("invite");
    const onVolume = (/** @type {string} */ userId) => {
      // The dialog is of this window, and would open behind the floating one.
      if (this.#floating.isOpen) window.focus();
      void this.#dialogs.openVolume(userId);
    };
    this.#grid = new Grid(meeting, local, pictures, {
      onChanged: () => this.#people.update(),
      onVolume,
    });
    this.#floating = new Floating(this.#grid, run, update, (opened) => {
      ignoreHeldKeys(opened);
      this.#keyboard.follow(opened);
    });
    this.#trouble = new Trouble(meeting, update);
    this.#header = this.#newHeader(onInvite);
    this.#chat = new Chat(meeting, () => run("chat"));
    this.#reactions = new Reactions((emoji) => void meeting.react(emoji).catch(fail));
    const onPeople = () => run("people");
    this.#people = new People(meeting, {
      onClose: onPeople,
      onInvite,
      onRules: () => run("rules"),
      onRename: () => void this.#dialogs.open("rename"),
      onVolume,
      tiles: this.#grid,
    });
    this.#panels = new SidePanels(meeting, { chat: this.#chat, people: this.#people }, (closed) => {
      if (closed) this.#controls.focus(closed);
      update();
    });
    this.#controls = new Controls(run);
    this.#permissions = new Permissions(meeting);
    this.#devices = new OwnDevices(meeting, local, this.#permissions, update);
    this.#keyboard = new Keyboard(run, this.#devices.talk, moves);
    this.#recording = new RecordingControl(meeting, rest, update);
    this.#startSound = startSoundButton(() => this.#onStartSound());
    this.#sound = new Sound(meeting.roomId, () => {
      this.#startSound.hidden = false;
    });
    this.#chimes = new Chimes(meeting, () => this.#panels.open === "chat");
    this.#dialogs = new RoomDialogs({
      meeting,
      local,
      grid: this.#grid,
      sound: this.#sound,
      inviting,
      rest,
      hear: { onSpeaker: (id) => this.#setSpeaker(id), onHints: () => this.#devices.update() },
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
  }

  /** Puts the focus on the microphone: the button that joined is gone. */
  focus() {
    this.#controls.focus("mic");
  }

  close() {
    for (const end of this.#cleanup) end();
    this.#redraw.close();
    clearNotices();
    closeDialogs();
    this.#floating.close();
    if (fillsScreen()) toggleFullScreen();
    this.#header.close();
    this.#grid.close();
    this.#sound.close();
  }

  /** @param {() => void} onInvite */
  #newHeader(onInvite) {
    return new Header({
      pager: this.#grid.pager,
      onInvite,
      onStopSharing: () => this.#local.stopScreen(),
      content: preferences().screenContent,
      onContent: (screenContent) => {
        prefer({ screenContent });
        this.#local.setScreenContent(screenContent);
      },
      onHelp: () => void this.#dialogs.explain(this.#trouble.blockage, this.#trouble.nameOf),
    });
  }

  #listen() {
    const [meeting, local, update] = [this.#meeting, this.#local, () => this.#redraw.schedule()];
    return [
      stayAwake(),
      followFullScreen(update),
      followViewport(() => this.#chat.showNewest()),
      () => this.#keyboard.close(),
      ...new Announcer(meeting).listen(),
      ...this.#chimes.listen(),
      ...this.#devices.listen(),
      ...this.#dialogs.listen(),
      ...this.#recording.listen(),
      ...this.#permissions.listen(),
      ...this.#panels.listen(),
      ...this.#trouble.listen(),
      meeting.on("role", update),
      meeting.control.on("settings", update),
      meeting.control.on("waiting", update),
      meeting.roster.on("joined", update),
      meeting.roster.on("left", ({ userId }) => this.#onLeft(userId)),
      meeting.roster.on("changed", update),
      local.on("track", update),
      local.on("changed", update),
      meeting.on("tracks", () => this.#onTracks()),
      meeting.on("speakers", (userIds) => this.#grid.setSpeakers(userIds)),
      meeting.on("paused", (videos) => this.#grid.setPaused(videos)),
      meeting.on("limited", (limits) => this.#grid.setLimited(limits)),
      meeting.on("report", (report) => this.#grid.takeReport(report)),
      meeting.on("reaction", ({ userId, emoji }) => this.#onReaction(userId, emoji)),
    ];
  }

  #update() {
    const { roster, role, recording, handRaised } = this.#meeting;
    const { isMuted, isVideoOn, isSharing } = this.#local;
    const people = roster.all.length;
    const { open, unread } = this.#panels;
    const canInvite = this.#inviting.isPossible;
    this.#controls.update({
      isMuted,
      isVideoOn,
      isSharing,
      handRaised,
      people,
      canShare: canShareScreen(),
      canFlip: this.#devices.canFlip,
      canInvite,
      open,
      unread,
      isHost: role === "host",
      recording: this.#recording.choices,
      fillsScreen: canFillScreen() ? fillsScreen() : null,
      isFloating: canFloat() ? this.#floating.isOpen : null,
    });
    this.#floating.update({ isMuted, isVideoOn });
    const hasSound = this.#local.track("screen-audio") !== null;
    this.#header.update({ isSharing, hasSound, isRecording: recording.isOn, trouble: this.#trouble });
    this.#devices.update();
    this.#people.update();
    this.#chat.update();
    this.#grid.update();
    this.#alone.hidden = people > 1 || this.#meeting.control.waiting.size > 0;
    this.element.classList.toggle("cannot-invite", !canInvite);
    this.element.classList.toggle("has-panel", open !== null);
    this.element.classList.toggle("is-lost", this.#trouble.isLost);
  }

  /** @param {Action} action */
  #run(action) {
    switch (action) {
      case "mic":
        return this.#devices.setMuted(!this.#local.isMuted);
      case "camera":
        return this.#devices.setCamera(!this.#local.isVideoOn);
      case "screen":
        return this.#devices.toggleScreen();
      case "flip":
        return this.#devices.flip();
      case "hand":
        return void this.#meeting.raiseHand(!this.#meeting.handRaised).catch(fail);
      case "chat":
      case "people":
        return this.#panels.toggle(action);
      case "invite":
        return this.#inviting.isPossible
          ? void copyInvite(this.#inviting.link())
          : notice(say("invite.hostsOnly"), { topic: "invite" });
      case "react":
        return this.#reactions.choose(() => this.#controls.reactButton);
      case "invitation":
      case "settings":
      case "layout":
      case "details":
      case "rules":
      case "help":
        return void this.#dialogs.open(action);
      case "fullScreen":
        return toggleFullScreen();
      case "floating":
        return void this.#floating.toggle().catch(() => notice(say("floating.failed")));
      case "theme":
        return toggleTheme();
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

  /** @param {string} deviceId "" is the system default */
  #setSpeaker(deviceId) {
    this.#sound.setSpeaker(deviceId);
    this.#chimes.setSpeaker(deviceId);
  }

  async #end() {
    const sure = await confirmation(say("end.question"), say("end.confirm"));
    if (sure) await this.#meeting.endForAll().catch(fail);
  }

  /** @param {string} userId */
  #onLeft(userId) {
    this.#people.forget(userId);
    closeDialogs(userId);
    this.#redraw.schedule();
  }

  #onTracks() {
    this.#sound.update(this.#meeting.tracks());
    this.#redraw.schedule();
  }

  /**
   * @param {string} userId
   * @param {string} emoji
   */
  #onReaction(userId, emoji) {
    const { roster, userId: self } = this.#meeting;
    const name = roster.get(userId)?.displayName ?? say("meeting.someone");
    this.#reactions.show(emoji, userId === self ? say("chat.you") : name);
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
