/** When no packet of media has come for this long, though some had before, the SFU may be gone. */
const SILENCE_MS = 500;
/** How often the receivers are looked at. */
const LOOK_MS = 100;
/** The least time between two words about the same silence. */
const AGAIN_MS = 1000;
/** How often it is said at most: after that, ICE has its own say. */
const MOST_SAID = 5;

/**
 * Notices that media has stopped, long before ICE does. That nobody sends any more looks the same: whoever is told has
 * to find out.
 */
export class Silence {
  #receivers;
  #onSilence;
  /** The newest packet, as the browser dates it; 0: there was none. */
  #newest = 0;
  #changedAt = performance.now();
  #said = 0;
  /** @type {ReturnType<typeof setInterval>} */
  #timer;

  /**
   * @param {() => RTCRtpReceiver[]} receivers those that may have media
   * @param {() => void} onSilence
   */
  constructor(receivers, onSilence) {
    this.#receivers = receivers;
    this.#onSilence = onSilence;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  #look() {
    const now = performance.now();
    const newest = newestPacket(this.#receivers());
    if (newest !== this.#newest) {
      this.#newest = newest;
      this.#changedAt = now;
      this.#said = 0;
    } else if (newest > 0 && this.#said < MOST_SAID && now - this.#changedAt > SILENCE_MS + this.#said * AGAIN_MS) {
      this.#said++;
      this.#onSilence();
    }
  }
}

/**
 * @param {RTCRtpReceiver[]} receivers
 * @returns {number} when the newest packet came, on the browser's clock; 0: none did
 */
export function newestPacket(receivers) {
  let newest = 0;
  for (const receiver of receivers) {
    for (const { timestamp } of receiver.getSynchronizationSources()) newest = Math.max(newest, timestamp);
  }
  return newest;
}
