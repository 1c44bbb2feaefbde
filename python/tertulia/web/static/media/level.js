/** The root mean square at which the meter is full: loud speech close to the microphone. */
const LOUD = 0.25;

/** Measures the level of a track, for a meter. */
export class LevelMeter {
  #context = new AudioContext();
  #analyser = this.#context.createAnalyser();
  #samples = new Float32Array(512);
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;

  constructor() {
    this.#analyser.fftSize = this.#samples.length;
  }

  /** @param {MediaStreamTrack | null} track null: nothing */
  listenTo(track) {
    this.#source?.disconnect();
    this.#source = track && this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source?.connect(this.#analyser);
    if (track) this.wake();
  }

  /** Begins to measure, if the browser did not allow it before. */
  wake() {
    if (this.#context.state === "suspended") this.#context.resume().catch(() => {}); // it was closed meanwhile
  }

  /** @returns {number} in [0, 1] */
  read() {
    if (!this.#source) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const mean = this.#samples.reduce((sum, x) => sum + x * x, 0) / this.#samples.length;
    return Math.min(1, Math.sqrt(mean) / LOUD);
  }

  /** Frees the audio context. */
  close() {
    this.#source?.disconnect();
    void this.#context.close();
  }
}
