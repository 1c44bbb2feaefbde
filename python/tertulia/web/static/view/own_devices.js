/** @import { LocalMedia } from "../media.js" */
/** @import { Device } from "../media/local.js" */
/** @import { Meeting } from "../meeting.js" */
/** @import { Right, Source } from "../protocol/types.js" */
/** @import { Capture } from "./device_words.js" */
/** @import { Permissions } from "./permissions.js" */
import { MutedSpeech } from "../media.js";
import { say } from "../words.js";
import { deviceTrouble, mayPass, mishapOf } from "./device_words.js";
import { clearNotices, isShown, notice } from "./notices.js";
import { prefer, preferences } from "./preferences.js";
import { PushToTalk } from "./talk.js";

/** @type {Record<Device, Right>} what takes which right */
const RIGHTS = { microphone: "unmute", camera: "video" };
const DEVICES = /** @type {Device[]} */ (Object.keys(RIGHTS));

/** @typedef {"lost" | "interrupted"} Mishap as {@link mishapOf} has them */

/** What one does with one's own microphone, camera and screen in a meeting, and what one is told about them. */
export class OwnDevices {
  #meeting;
  #local;
  #permissions;
  #onChange;
  #mutedSpeech;
  /** What was lost and not turned on again, and what the system withholds. @type {Record<Mishap, Set<Device>>} */
  #befallen = { lost: new Set(), interrupted: new Set() };
  /** Whether there is another camera to turn to. */
  canFlip = false;

  /**
   * @param {Meeting} meeting
   * @param {LocalMedia} local
   * @param {Permissions} permissions
   * @param {() => void} onChange {@link canFlip} may be another
   */
  constructor(meeting, local, permissions, onChange) {
    this.#meeting = meeting;
    this.#local = local;
    this.#permissions = permissions;
    this.#onChange = onChange;
    this.#mutedSpeech = new MutedSpeech(local, {
      mayListen: () => preferences().mutedSpeech === "on" && meeting.may("unmute"),
      onSpeech: () => this.#offerUnmute(say("muted.speaking")),
    });
    /** The space bar's. */
    this.talk = new PushToTalk({ isMuted: () => local.isMuted, setMuted: (muted) => this.#setMuted(muted) });
  }

  /** @returns {(() => void)[]} ends it */
  listen() {
    void this.#lookForCameras();
    for (const what of DEVICES) this.#onInterrupted(what);
    return [
      ...this.#mutedSpeech.listen(),
      this.#local.on("track", () => void this.#lookForCameras()),
      this.#local.on("track", ({ source, track }) => this.#onTrack(source, track)),
      this.#local.on("interrupted", (what) => this.#onInterrupted(what)),
      this.#local.on("lost", (what) => this.#note("lost", what, true)),
      this.#meeting.on("muteRequested", (byUserId) => this.#onMuteRequested(byUserId)),
    ];
  }

  /** Listens to who is muted, or no longer: as they wish, and may. */
  update() {
    this.#mutedSpeech.update();
  }

  /** @param {boolean} muted as the person wishes by its button */
  setMuted(muted) {
    this.#setMuted(muted);
    if (muted && this.#meeting.may("unmute")) this.#offerHint();
  }

  /** @param {boolean} muted */
  #setMuted(muted) {
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
      .catch((error) => error.name !== "NotAllowedError" && this.#fail("screen", error));
  }

  async #lookForCameras() {
    this.canFlip = await this.#local.canFlip();
    this.#onChange();
  }

  /**
   * @param {Device} what
   * @param {Promise<void>} change
   */
  #try(what, change) {
    change.catch((error) => this.#fail(what, error));
  }

  /**
   * Says what is wrong until someone has read it, or it is mended.
   *
   * @param {Capture} what
   * @param {unknown} error
   */
  #fail(what, error) {
    const again = { label: say("action.retry"), run: () => this.#retry(what) };
    const action = mayPass(error) ? again : undefined;
    notice(deviceTrouble(what, error), { action, topic: troubleOf(what), stays: true });
  }

  /** @param {Capture} what */
  #retry(what) {
    if (what === "screen") this.toggleScreen();
    else if (this.#local.isInterrupted(what)) this.#restart([what]);
    else void this.#turnOn([what]);
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  #onTrack(source, track) {
    if (source === "screen-audio") return;
    if (track) clearNotices(troubleOf(source));
    if (source === "screen") return;
    if (track) this.#note("lost", source, false);
    // A device takes a moment to begin: that it does not is told later.
    if (!this.#local.isInterrupted(source)) this.#note("interrupted", source, false);
  }

  /** @param {Device} what may be interrupted now, or no longer */
  #onInterrupted(what) {
    this.#note("interrupted", what, this.#local.isInterrupted(what));
  }

  /**
   * @param {Mishap} mishap
   * @param {Device} what
   * @param {boolean} isSo whether it has befallen this device
   */
  #note(mishap, what, isSo) {
    const devices = this.#befallen[mishap];
    if (isSo) devices.add(what);
    else if (!devices.delete(what)) return;
    if (isSo || isShown(mishap)) this.#tell(mishap);
  }

  /** @param {Mishap} mishap */
  #tell(mishap) {
    const devices = [...this.#befallen[mishap]];
    const [what] = devices;
    if (!what) return clearNotices(mishap);
    const run = () => (mishap === "lost" ? void this.#turnOn(devices) : this.#restart(devices));
    const action = { label: say("device.restart"), run };
    notice(mishapOf(mishap, devices.length > 1 ? "both" : what), { action, topic: mishap, stays: true });
  }

  /** @param {Device[]} devices by one question to the person */
  async #turnOn(devices) {
    const allowed = devices.filter((what) => this.#permissions.check(RIGHTS[what]));
    for (const [what, error] of await this.#local.start(allowed)) this.#fail(what, error);
  }

  /** @param {Device[]} devices */
  #restart(devices) {
    for (const what of devices) this.#try(what, this.#local.restart(what));
  }

  /** @param {string} byUserId a host who wants us muted: we are, and may unmute ourselves */
  #onMuteRequested(byUserId) {
    const isNews = !this.#local.isMuted;
    // Also a microphone that comes back, or that is being asked for.
    void this.#local.setMuted(true);
    if (!isNews) return;
    const name = this.#meeting.roster.get(byUserId)?.displayName ?? say("meeting.host");
    this.#offerUnmute(say("meeting.mutedBy", { name }));
  }

  /** Offers, once, to say it when one speaks while muted: where that is for the person to say. */
  #offerHint() {
    if (preferences().mutedSpeech !== "ask") return;
    prefer({ mutedSpeech: "off" });
    const run = () => {
      prefer({ mutedSpeech: "on" });
      this.update();
    };
    notice(say("muted.offer"), { action: { label: say("muted.accept"), run }, topic: "mute" });
  }

  /** @param {string} words why */
  #offerUnmute(words) {
    const action = { label: say("control.unmute"), run: () => this.setMuted(false) };
    notice(words, { action, topic: "mute" });
  }
}

/**
 * @param {Capture} what
 * @returns {string} the topic of notices that say what is wrong with it
 */
function troubleOf(what) {
  return `trouble-${what}`;
}
