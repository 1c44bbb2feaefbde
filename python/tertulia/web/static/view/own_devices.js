/** @import { LocalMedia } from "../media.js" */
/** @import { Meeting } from "../meeting.js" */
/** @import { Permissions } from "./permissions.js" */
import { listDevices, MutedSpeech } from "../media.js";
import { say } from "../words.js";
import { deviceTrouble, interruptionOf, lossOf } from "./device_words.js";
import { clearNotices, notice } from "./notices.js";
import { preferences } from "./preferences.js";
import { PushToTalk } from "./talk.js";

/** @type {("microphone" | "camera")[]} */
const DEVICES = ["microphone", "camera"];

/** What one does with one's own microphone, camera and screen in a meeting, and what one is told about them. */
export class OwnDevices {
  #meeting;
  #local;
  #permissions;
  #onChange;
  #mutedSpeech;
  /** How many cameras there are. */
  #cameras = 0;

  /**
   * @param {Meeting} meeting
   * @param {LocalMedia} local
   * @param {Permissions} permissions
   * @param {() => void} onChange another number of cameras is there
   */
  constructor(meeting, local, permissions, onChange) {
    this.#meeting = meeting;
    this.#local = local;
    this.#permissions = permissions;
    this.#onChange = onChange;
    this.#mutedSpeech = new MutedSpeech(local, {
      mayListen: () => preferences().mutedSpeech && meeting.may("unmute"),
      onSpeech: () => this.#offerUnmute(say("muted.speaking")),
    });
    /** The space bar's. */
    this.talk = new PushToTalk({ isMuted: () => local.isMuted, setMuted: (muted) => this.setMuted(muted) });
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    void this.#countCameras();
    for (const what of DEVICES) this.#onInterrupted(what);
    return [
      ...this.#mutedSpeech.listen(),
      this.#local.on("track", () => void this.#countCameras()),
      this.#local.on("track", () => this.#forgetInterruptions()),
      this.#local.on("interrupted", (what) => this.#onInterrupted(what)),
      this.#local.on("lost", (what) => this.#onLost(what)),
      this.#meeting.on("muteRequested", (byUserId) => this.#onMuteRequested(byUserId)),
    ];
  }

  /** Whether there is another camera to turn to. */
  get canFlip() {
    return this.#local.isVideoOn && this.#cameras > 1;
  }

  /** Listens to who is muted, or no longer: as they wish, and may. */
  update() {
    this.#mutedSpeech.update();
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    if (!muted) clearNotices("mute");
    if (!muted && !this.#permissions.check("unmute")) return;
    this.#try("microphone", this.#local.setMuted(muted));
  }

  /** @param {boolean} on */
  setCamera(on) {
    if (on && !this.#permissions.check("video")) return;
    this.#try("camera", this.#local.setCamera(on));
  }

  flip() {
    this.#try("camera", this.#local.flipCamera());
  }

  toggleScreen() {
    if (this.#local.isSharing) return this.#local.stopScreen();
    if (!this.#permissions.check("share")) return;
    // Closing the browser's dialog is no error.
    this.#local
      .shareScreen(preferences().screenContent)
      .catch((error) => error.name !== "NotAllowedError" && notice(deviceTrouble("screen", error)));
  }

  async #countCameras() {
    this.#cameras = (await listDevices()).cameras.length;
    this.#onChange();
  }

  /**
   * @param {"microphone" | "camera"} what
   * @param {Promise<void>} change
   */
  #try(what, change) {
    change.catch((error) => notice(deviceTrouble(what, error)));
  }

  /** @param {"microphone" | "camera"} what */
  #onLost(what) {
    const run = () => (what === "microphone" ? this.setMuted(false) : this.setCamera(true));
    const action = { label: say("device.restart"), run };
    notice(lossOf(what), { action, topic: `lost-${what}`, stays: true });
  }

  /** @param {"microphone" | "camera"} what */
  #onInterrupted(what) {
    this.#forgetInterruptions();
    if (!this.#local.isInterrupted(what)) return;
    const run = () => this.#try(what, this.#local.restart(what));
    const action = { label: say("device.restart"), run };
    notice(interruptionOf(what), { action, topic: `interrupted-${what}`, stays: true });
  }

  #forgetInterruptions() {
    for (const what of DEVICES) {
      if (!this.#local.isInterrupted(what)) clearNotices(`interrupted-${what}`);
    }
  }

  /** @param {string} byUserId a host who wants us muted: we are, and may unmute ourselves */
  #onMuteRequested(byUserId) {
    if (this.#local.isMuted) return;
    const name = this.#meeting.roster.get(byUserId)?.displayName ?? say("meeting.host");
    void this.#local.setMuted(true);
    this.#offerUnmute(say("meeting.mutedBy", { name }));
  }

  /** @param {string} words why */
  #offerUnmute(words) {
    const action = { label: say("control.unmute"), run: () => this.setMuted(false) };
    notice(words, { action, topic: "mute" });
  }
}
