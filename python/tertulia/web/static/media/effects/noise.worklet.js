/**
 * Runs RNNoise on the audio thread. It works on frames of 480 samples at 48 kHz; the WebAssembly buffers what comes in
 * blocks of 128, so that sound is 10 ms late.
 *
 * @typedef {object} Rnnoise its exports
 * @property {WebAssembly.Memory} memory
 * @property {() => void} _initialize
 * @property {() => number} newState
 * @property {(state: number) => number} getInput where a block is put, in bytes
 * @property {(state: number, length: number) => number} pipe where the result is, in bytes; 0: there is none yet
 */

/** The base class is there in the audio thread only. */
const Processor = /** @type {any} */ (globalThis).AudioWorkletProcessor;

class NoiseSuppressor extends Processor {
  #rnnoise;
  #state;
  #memory;

  /** @param {{processorOptions: {module: WebAssembly.Module}}} options */
  constructor({ processorOptions: { module } }) {
    super();
    this.#rnnoise = /** @type {Rnnoise} */ (/** @type {unknown} */ (new WebAssembly.Instance(module).exports));
    this.#rnnoise._initialize();
    this.#state = this.#rnnoise.newState();
    this.#memory = new Float32Array(this.#rnnoise.memory.buffer);
  }

  /**
   * @param {Float32Array[][]} inputs
   * @param {Float32Array[][]} outputs silent until they are written
   * @returns {boolean} whether the node goes on
   */
  process([input], [output]) {
    const [heard, said] = [input?.[0], output?.[0]];
    if (!heard || !said) return true;
    // Memory that has grown is another buffer.
    if (this.#memory.length === 0) this.#memory = new Float32Array(this.#rnnoise.memory.buffer);
    this.#memory.set(heard, this.#rnnoise.getInput(this.#state) / 4);
    const at = this.#rnnoise.pipe(this.#state, said.length) / 4;
    if (at) said.set(this.#memory.subarray(at, at + said.length));
    return true;
  }
}

/** @type {any} */ (globalThis).registerProcessor("noise-suppressor", NoiseSuppressor);
