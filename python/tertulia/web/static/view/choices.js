/** @import { LocalMedia } from "../media.js" */
/** @import { Devices } from "../media/devices.js" */
import { deviceTrouble, listDevices, VIDEO_QUALITIES } from "../media.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { notice } from "./notices.js";
import { prefer, preferences } from "./preferences.js";

/** @typedef {"microphone" | "camera" | "speaker"} DeviceKind */
/** @typedef {{element: HTMLElement, close: () => void}} Choices */

/** @type {Record<DeviceKind, {label: string, icon: import("./icons.js").IconName, list: keyof Devices}>} */
const KINDS = {
  microphone: { label: "Microphone", icon: "mic", list: "microphones" },
  camera: { label: "Camera", icon: "camera", list: "cameras" },
  speaker: { label: "Speaker", icon: "speaker", list: "speakers" },
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
  const selects = kinds.map((kind) => deviceSelect(kind, apply[kind]));
  const refresh = async () => {
    const devices = await listDevices();
    for (const select of selects) select.show(devices);
  };
  const media = navigator.mediaDevices;
  media?.addEventListener("devicechange", refresh);
  const unsubscribe = local.on("track", refresh);
  void refresh();
  return {
    element: h("div", { class: "choices" }, ...selects.map(({ element }) => element), qualitySelect(local)),
    close: () => {
      media?.removeEventListener("devicechange", refresh);
      unsubscribe();
    },
  };
}

/**
 * @param {DeviceKind} kind
 * @param {(deviceId: string) => void | Promise<void>} apply
 */
function deviceSelect(kind, apply) {
  const { label, icon: name, list } = KINDS[kind];
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
  const element = h("label", { class: "choice" }, icon(name), h("span", { class: "choice-label" }, label), select);
  const show = (/** @type {Devices} */ devices) => {
    const found = devices[list];
    const chosen = preferences()[kind];
    element.hidden = kind === "speaker" && found.length === 0;
    select.disabled = found.length === 0;
    const standard = h(
      "option",
      { value: "" },
      found.length ? `System ${label.toLowerCase()}` : `No ${label.toLowerCase()}`,
    );
    fill(
      select,
      standard,
      ...found
        .filter((d) => d.deviceId !== "default")
        .map((device, i) => h("option", { value: device.deviceId }, device.label || `${label} ${i + 1}`)),
    );
    select.value = found.some((d) => d.deviceId === chosen) ? chosen : "";
  };
  return { element, show };
}

/** @param {LocalMedia} local */
function qualitySelect(local) {
  const select = h(
    "select",
    {
      onchange: async () => {
        const quality = /** @type {import("../media/encoding.js").VideoQuality} */ (select.value);
        prefer({ quality });
        try {
          await local.chooseCamera({ quality });
        } catch (error) {
          notice(deviceTrouble("camera", error));
        }
      },
    },
    ...Object.entries(VIDEO_QUALITIES).map(([value, { words }]) => h("option", { value }, words)),
  );
  select.value = preferences().quality;
  return h(
    "label",
    { class: "choice" },
    icon("settings"),
    h("span", { class: "choice-label" }, "Video quality"),
    select,
  );
}
