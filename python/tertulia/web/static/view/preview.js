/** @import { LocalMedia } from "../media.js" */
/** @import { Key } from "../words/say.js" */
import { say } from "../words.js";
import { deviceChoices } from "./choices.js";
import { deviceTrouble, interruptionOf, lossInLobby } from "./device_words.js";
import { fill, h, initials, label } from "./dom.js";
import { icon } from "./icons.js";
import { levelBar } from "./level_bar.js";
import { prefer, preferences } from "./preferences.js";

/**
 * The preview before joining: our own video, a level meter, switches and the choice of devices.
 *
 * @param {LocalMedia} local
 * @returns {{element: HTMLElement, setName: (name: string) => void, close: () => void}}
 */
export function preview(local) {
  const video = h("video", { muted: true, autoplay: true, playsInline: true });
  video.setAttribute("aria-label", say("lobby.video"));
  const face = h("span", { class: "face" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  /** @type {Map<string, string>} what is wrong, by device */
  const troubles = new Map();
  const mic = switchButton("microphone", () => toggle("microphone"));
  const camera = switchButton("camera", () => toggle("camera"));
  const meter = levelBar(local);

  /** @param {"microphone" | "camera"} what */
  async function toggle(what) {
    try {
      if (what === "microphone") await local.setMuted(!local.isMuted);
      else await local.setCamera(!local.isVideoOn);
      prefer(what === "microphone" ? { micOn: !local.isMuted } : { cameraOn: local.isVideoOn });
      tell(what, local.isInterrupted(what) ? interruptionOf(what) : "");
    } catch (error) {
      tell(what, deviceTrouble(what, error));
    }
    show();
  }

  /**
   * @param {"microphone" | "camera"} what
   * @param {string} words what is wrong with it; "": nothing
   */
  function tell(what, words) {
    if (words) troubles.set(what, words);
    else troubles.delete(what);
    trouble.textContent = [...troubles.values()].join(" ");
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
  }

  const unsubscribe = [
    local.on("track", show),
    local.on("changed", show),
    local.on("lost", (what) => tell(what, lossInLobby(what))),
    local.on("interrupted", (what) => {
      if (local.isInterrupted(what)) tell(what, interruptionOf(what));
      else if (troubles.get(what) === interruptionOf(what)) tell(what, "");
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
      h("div", { class: "switches" }, mic.element, camera.element),
      meter.element,
    ),
    trouble,
    foldedOnPhones(choices.element),
  );
  show();
  void startChosen();

  async function startChosen() {
    const { micOn, cameraOn } = preferences();
    /** @type {("microphone" | "camera")[]} */
    const wanted = [];
    if (micOn) wanted.push("microphone");
    if (cameraOn) wanted.push("camera");
    for (const [what, error] of await local.start(wanted)) tell(what, deviceTrouble(what, error));
    show();
  }

  return {
    element,
    setName: (name) => fill(face, name.trim() ? initials(name) : icon("camera")),
    close: () => {
      for (const end of [...unsubscribe, choices.close, meter.close]) end();
      video.srcObject = null;
    },
  };
}

/** @param {HTMLElement} choices */
function foldedOnPhones(choices) {
  const open = !matchMedia("(max-width: 640px)").matches;
  return h("details", { class: "devices", open }, h("summary", {}, icon("settings"), say("lobby.devices")), choices);
}

/** @type {Record<"microphone" | "camera", {on: Key, off: Key}>} */
const SWITCHES = {
  microphone: { on: "lobby.microphoneOn", off: "lobby.microphoneOff" },
  camera: { on: "lobby.cameraOn", off: "lobby.cameraOff" },
};

/**
 * @param {"microphone" | "camera"} what
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
