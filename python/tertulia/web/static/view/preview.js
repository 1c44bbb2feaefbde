/** @import { Device } from "../media/local.js" */
/** @import { Trouble } from "./device_words.js" */
/** @import { Key } from "../words/say.js" */
import { LocalMedia } from "../media.js";
import { say } from "../words.js";
import { deviceChoices } from "./choices.js";
import { troublesOf } from "./device_words.js";
import { fill, h, initials, label } from "./dom.js";
import { applyEffects } from "./effect_choices.js";
import { icon } from "./icons.js";
import { levelBar } from "./level_bar.js";
import { prefer, preferences } from "./preferences.js";

/**
 * Our devices before a meeting, of which more than one screen may show a preview.
 *
 * @typedef {object} Opened
 * @property {LocalMedia} local
 * @property {Promise<Map<Device, unknown>>} failed what could not be turned on, and why; no longer, once it works
 */

/**
 * Opens the devices that were on last time, by one question to the person.
 *
 * @returns {Opened}
 */
export function openDevices() {
  const { microphone, camera, quality, micOn, cameraOn } = preferences();
  const local = new LocalMedia({ microphone, camera, quality });
  applyEffects(local);
  /** @type {Device[]} */
  const wanted = [];
  if (micOn) wanted.push("microphone");
  if (cameraOn) wanted.push("camera");
  return { local, failed: local.start(wanted) };
}

/**
 * The preview before joining: our own video, a level meter, switches and the choice of devices.
 *
 * @param {Opened} opened
 * @param {...HTMLElement} more what stands with the choice of devices
 * @returns {{element: HTMLElement, setName: (name: string) => void, close: () => void}}
 */
export function preview({ local, failed }, ...more) {
  const video = h("video", { muted: true, autoplay: true, playsInline: true });
  video.setAttribute("aria-label", say("lobby.video"));
  const face = h("span", { class: "face" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  /** @type {Map<Device, Trouble>} */
  const troubles = new Map();
  const mic = switchButton("microphone", () => toggle("microphone"));
  const camera = switchButton("camera", () => toggle("camera"));
  const other = h("button", { type: "button", class: "round", hidden: true, onclick: flip }, icon("flip"));
  label(other, say("control.flip"));
  const meter = levelBar(local);

  /** @param {Device} what */
  async function toggle(what) {
    try {
      if (what === "microphone") await local.setMuted(!local.isMuted);
      else await local.setCamera(!local.isVideoOn);
      prefer(what === "microphone" ? { micOn: !local.isMuted } : { cameraOn: local.isVideoOn });
      tell(what, local.isInterrupted(what) ? { is: "interrupted" } : null);
      void failed.then((errors) => errors.delete(what));
    } catch (error) {
      tell(what, { is: "refused", error });
    }
    show();
  }

  async function flip() {
    await local.flipCamera().catch((error) => tell("camera", { is: "refused", error }));
  }

  /**
   * @param {Device} what
   * @param {Trouble | null} wrong
   */
  function tell(what, wrong) {
    if (wrong) troubles.set(what, wrong);
    else troubles.delete(what);
    trouble.textContent = troublesOf(troubles);
    trouble.hidden = troubles.size === 0;
  }

  function show() {
    mic.show(!local.isMuted);
    camera.show(local.isVideoOn);
    const track = local.track("camera");
    if (/** @type {MediaStream | null} */ (video.srcObject)?.getTracks()[0] !== (track ?? undefined)) {
      video.srcObject = track && new MediaStream([track]);
    }
    video.classList.toggle("mirrored", local.isMirrored);
    video.hidden = !track;
    void local.canFlip().then((can) => {
      other.hidden = !can;
    });
  }

  const unsubscribe = [
    local.on("track", show),
    local.on("changed", show),
    local.on("lost", (what) => tell(what, { is: "lostInLobby" })),
    local.on("interrupted", (what) => {
      if (local.isInterrupted(what)) tell(what, { is: "interrupted" });
      else if (troubles.get(what)?.is === "interrupted") tell(what, null);
    }),
  ];
  const choices = deviceChoices(local);
  const element = h(
    "section",
    { class: "preview", "aria-label": say("lobby.preview") },
    h(
      "div",
      { class: "mirror" },
      h("div", { class: "no-picture" }, face),
      video,
      h("div", { class: "switches" }, mic.element, camera.element, other),
      meter.element,
    ),
    trouble,
    foldedOnPhones(choices.element, ...more),
  );
  show();
  void failed.then((errors) => {
    for (const [what, error] of errors) if (!local.device(what)) tell(what, { is: "refused", error });
    show();
  });

  return {
    element,
    setName: (name) => fill(face, name.trim() ? initials(name) : icon("camera")),
    close: () => {
      for (const end of [...unsubscribe, choices.close, meter.close]) end();
      video.srcObject = null;
    },
  };
}

/** @param {...HTMLElement} parts */
function foldedOnPhones(...parts) {
  const open = !matchMedia("(max-width: 640px)").matches;
  return h("details", { class: "devices", open }, h("summary", {}, icon("settings"), say("lobby.devices")), ...parts);
}

/** @type {Record<Device, {on: Key, off: Key}>} */
const SWITCHES = {
  microphone: { on: "lobby.microphoneOn", off: "lobby.microphoneOff" },
  camera: { on: "lobby.cameraOn", off: "lobby.cameraOff" },
};

/**
 * @param {Device} what
 * @param {() => void} onclick
 */
function switchButton(what, onclick) {
  const element = h("button", { type: "button", class: "round", onclick });
  const show = (/** @type {boolean} */ on) => {
    element.classList.toggle("off", !on);
    label(element, say(SWITCHES[what][on ? "off" : "on"]));
    if (what === "microphone") fill(element, icon(on ? "mic" : "micOff"));
    else fill(element, icon(on ? "camera" : "cameraOff"));
  };
  return { element, show };
}
