/** @import { LocalMedia } from "../media.js" */
/** @import { Devices } from "../media/devices.js" */
/** @import { VideoQuality } from "../media/encoding.js" */
/** @import { Key } from "../words/say.js" */
import { listDevices } from "../media.js";
import { say } from "../words.js";
import { deviceTrouble } from "./device_words.js";
import { fill, h } from "./dom.js";
import { effectChoices } from "./effect_choices.js";
import { icon } from "./icons.js";
import { notice } from "./notices.js";
import { prefer, preferences } from "./preferences.js";

/** @typedef {"microphone" | "camera" | "speaker"} DeviceKind */
/** @typedef {{element: HTMLElement, close: () => void}} Choices */

/**
 * @type {Record<DeviceKind, {icon: import("./icons.js").IconName, list: keyof Devices, label: Key, standard: Key,
 *   none: Key, numbered: Key}>}
 */
const KINDS = {
  microphone: {
    icon: "mic",
    list: "microphones",
    label: "device.microphone",
    standard: "device.microphone.system",
    none: "device.microphone.none",
    numbered: "device.microphone.numbered",
  },
  camera: {
    icon: "camera",
    list: "cameras",
    label: "device.camera",
    standard: "device.camera.system",
    none: "device.camera.none",
    numbered: "device.camera.numbered",
  },
  speaker: {
    icon: "speaker",
    list: "speakers",
    label: "device.speaker",
    standard: "device.speaker.system",
    none: "device.speaker.none",
    numbered: "device.speaker.numbered",
  },
};

/** @type {Record<VideoQuality, Key>} */
const QUALITIES = {
  auto: "device.quality.auto",
  low: "device.quality.low",
  standard: "device.quality.standard",
  high: "device.quality.high",
};

/**
 * Selects for microphone, camera, speaker and video quality. The lists follow what is plugged in.
 *
 * @param {LocalMedia} local
 * @param {(deviceId: string) => void} [onSpeaker]
 * @returns {Choices}
 */
export function deviceChoices(local, onSpeaker = () => {}) {
  /** @type {Record<DeviceKind, (deviceId: string) => void | Promise<void>>} */
  const apply = {
    microphone: (id) => local.chooseMicrophone(id),
    camera: (deviceId) => local.chooseCamera({ deviceId }),
    speaker: onSpeaker,
  };
  const kinds = /** @type {DeviceKind[]} */ (Object.keys(KINDS));
  // The camera can also be flipped.
  const chosen = (/** @type {DeviceKind} */ kind) => (kind === "camera" ? local.chosenCamera : preferences()[kind]);
  const selects = kinds.map((kind) => deviceSelect(kind, apply[kind], () => chosen(kind)));
  const refresh = async () => {
    const devices = await listDevices();
    for (const select of selects) select.show(devices);
  };
  const media = navigator.mediaDevices;
  media?.addEventListener("devicechange", refresh);
  const unsubscribe = local.on("track", refresh);
  void refresh();
  const effects = effectChoices(local);
  return {
    element: h(
      "div",
      { class: "choices" },
      ...selects.map(({ element }) => element),
      qualitySelect(local),
      ...effects.elements,
    ),
    close: () => {
      media?.removeEventListener("devicechange", refresh);
      unsubscribe();
      effects.close();
    },
  };
}

/**
 * @param {DeviceKind} kind
 * @param {(deviceId: string) => void | Promise<void>} apply
 * @param {() => string} chosen the id of the device that is chosen
 */
function deviceSelect(kind, apply, chosen) {
  const { icon: name, list, label, standard, none, numbered } = KINDS[kind];
  const select = h("select", {
    onchange: async () => {
      prefer({ [kind]: select.value });
      try {
        await apply(select.value);
      } catch (error) {
        notice(deviceTrouble(kind === "camera" ? "camera" : "microphone", error));
      }
    },
  });
  const element = choice(name, say(label), select);
  const show = (/** @type {Devices} */ devices) => {
    const found = devices[list];
    element.hidden = kind === "speaker" && found.length === 0;
    select.disabled = found.length === 0;
    const named = found
      .filter((device) => device.deviceId !== "default")
      .map(({ deviceId, label }, i) =>
        h("option", { value: deviceId, textContent: label || say(numbered, { number: i + 1 }) }),
      );
    fill(select, h("option", { value: "" }, say(found.length ? standard : none)), ...named);
    select.value = found.some((d) => d.deviceId === chosen()) ? chosen() : "";
  };
  return { element, show };
}

/** @param {LocalMedia} local */
function qualitySelect(local) {
  const select = h(
    "select",
    {
      onchange: async () => {
        const quality = /** @type {VideoQuality} */ (select.value);
        prefer({ quality });
        try {
          await local.chooseCamera({ quality });
        } catch (error) {
          notice(deviceTrouble("camera", error));
        }
      },
    },
    ...Object.entries(QUALITIES).map(([value, key]) => h("option", { value }, say(key))),
  );
  select.value = preferences().quality;
  return choice("settings", say("device.quality"), select);
}

/**
 * A labelled select.
 *
 * @param {import("./icons.js").IconName} name
 * @param {string} words
 * @param {HTMLSelectElement} select
 */
export function choice(name, words, select) {
  return h("label", { class: "choice" }, icon(name), h("span", { class: "choice-label" }, words), select);
}
