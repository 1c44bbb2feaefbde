/**
 * Tertulia's media: devices, the link to the SFU or to the other members, and its quality. No DOM beyond MediaStream,
 * but for elements that nobody sees, by which a track is made of a canvas.
 *
 * @module
 */

export { canShareScreen, listDevices } from "./media/devices.js";
export { behindMe, canReplaceBackground, canSuppressNoise, noiseSuppression } from "./media/effects.js";
export { VIDEO_QUALITIES } from "./media/encoding.js";
export { LevelMeter } from "./media/level.js";
export { LocalMedia } from "./media/local.js";
export { MutedSpeech } from "./media/muted_speech.js";
