/** @import { VideoQuality } from "../media/encoding.js" */
/** @import { BackgroundChoice } from "./background.js" */
/** @import { ScreenContent } from "../media/sources.js" */
/** @import { Layout } from "./arrangement.js" */
import { VIDEO_QUALITIES } from "../media.js";
import { LAYOUTS } from "./arrangement.js";

/**
 * A person's choices, kept in this browser.
 *
 * @typedef {object} Preferences
 * @property {string} name
 * @property {string} microphone device id; "" is the system default
 * @property {string} camera
 * @property {string} speaker
 * @property {VideoQuality} quality
 * @property {boolean} micOn whether to join with the microphone on
 * @property {boolean} cameraOn whether to join with the camera on
 * @property {Layout} layout of the tiles
 * @property {boolean} hidesSelf whether our own camera has no tile
 * @property {boolean} strongNoiseSuppression whether more noise is removed than the browser does by itself
 * @property {BackgroundChoice} background what is shown behind us
 * @property {ScreenContent} screenContent what our screens show
 * @property {boolean} sounds whether there is a sound for who comes, leaves, raises a hand or writes
 * @property {Hint} mutedSpeech whether we are told that we speak while muted. The microphone is listened to for that:
 *   Firefox and Safari, which would show it as off, are asked to only if the person wishes
 * @property {boolean} shortcuts whether single-key shortcuts are on
 */

/**
 * Whether we are told something: `ask` is for the person to say.
 *
 * @typedef {"on" | "off" | "ask"} Hint
 */

/** @type {Hint[]} */
const HINTS = ["on", "off", "ask"];
/** @type {BackgroundChoice[]} */
export const BACKGROUNDS = ["none", "blur", "plain", "own"];

const KEY = "tertulia.preferences";

/** @type {Preferences} */
const DEFAULTS = {
  name: "",
  microphone: "",
  camera: "",
  speaker: "",
  quality: "auto",
  micOn: true,
  cameraOn: true,
  layout: "auto",
  hidesSelf: false,
  strongNoiseSuppression: false,
  background: "none",
  screenContent: "detail",
  sounds: true,
  mutedSpeech: "userAgentData" in (globalThis.navigator ?? {}) ? "on" : "ask",
  shortcuts: true,
};

/** @returns {Preferences} the default for what is missing or has a wrong type in the store */
export function preferences() {
  const stored = parse(localStorage.getItem(KEY));
  const kept = Object.entries(DEFAULTS).map(([k, v]) => [k, typeof stored[k] === typeof v ? stored[k] : v]);
  const result = /** @type {Preferences} */ (Object.fromEntries(kept));
  if (!(result.quality in VIDEO_QUALITIES)) result.quality = DEFAULTS.quality;
  if (!BACKGROUNDS.includes(result.background)) result.background = DEFAULTS.background;
  if (!HINTS.includes(result.mutedSpeech)) result.mutedSpeech = DEFAULTS.mutedSpeech;
  if (result.screenContent !== "motion") result.screenContent = DEFAULTS.screenContent;
  if (!LAYOUTS.includes(result.layout)) result.layout = DEFAULTS.layout;
  return result;
}

/** @param {Partial<Preferences>} change to be stored */
export function prefer(change) {
  localStorage.setItem(KEY, JSON.stringify({ ...preferences(), ...change }));
}

/**
 * @param {string | null} text
 * @returns {Record<string, any>}
 */
function parse(text) {
  try {
    const value = JSON.parse(text ?? "{}");
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}
