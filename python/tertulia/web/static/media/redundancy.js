import { logFailure } from "./serial.js";

/** The share of our voice that is lost from which on it is worth sending twice; as the SFU has it for what it sends. */
const LOSS = 0.03;
/** For how long it still is after the last such report, in milliseconds: each change costs a negotiation. */
const AFTERMATH_MS = 60_000;

/** Has each packet of our voice repeat the one before (RFC 2198) while some are lost. */
export class Redundancy {
  #until = -Infinity;
  #aftermathMs;
  #isRepeated = false;

  /** @param {number} share up to twice as long, so that not all who lost packets together negotiate together, [0, 1] */
  constructor(share = Math.random()) {
    this.#aftermathMs = AFTERMATH_MS * (1 + share);
  }

  /**
   * @param {number} loss of our voice, as the other side has reported it since the last call, [0, 1]
   * @param {number} now milliseconds
   */
  take(loss, now) {
    if (loss >= LOSS) this.#until = now + this.#aftermathMs;
  }

  /**
   * Begins or ends it, where both sides can do it. Chromium takes the order of the codecs for it, and no `codec` of
   * `setParameters`.
   *
   * @param {RTCRtpTransceiver | undefined} voice
   * @param {number} now milliseconds
   * @returns {boolean} whether something is new, so that an offer is needed
   */
  apply(voice, now) {
    const isWorthIt = now < this.#until;
    if (isWorthIt === this.#isRepeated || !voice) return false;
    const { codecs } = RTCRtpSender.getCapabilities("audio") ?? { codecs: [] };
    if (!codecs.some(isRedundant) || !voice.sender.getParameters().codecs.some(isRedundant)) return false;
    this.#isRepeated = isWorthIt;
    const preferred = codecs.filter((codec) => isRedundant(codec) === isWorthIt);
    try {
      voice.setCodecPreferences([...preferred, ...codecs.filter((codec) => !preferred.includes(codec))]);
    } catch (error) {
      logFailure(error);
      return false;
    }
    return true;
  }
}

/** @param {RTCRtpCodec} codec */
function isRedundant({ mimeType }) {
  return mimeType === "audio/red";
}
