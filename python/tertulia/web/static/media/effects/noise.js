/** @import { EffectLoss, Processed } from "../effects.js" */

/** What RNNoise is made for. */
const SAMPLE_RATE = 48_000;

/** @type {Promise<WebAssembly.Module> | null} compiled once */
let compiled = null;

/**
 * Removes noise from a microphone by RNNoise, on the audio thread.
 *
 * @param {MediaStreamTrack} device
 * @param {(loss: EffectLoss) => void} onLost
 * @returns {Promise<Processed>}
 */
export async function suppressNoise(device, onLost) {
  const context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
  try {
    const [module] = await Promise.all([
      rnnoise(),
      context.audioWorklet.addModule(new URL("noise.worklet.js", import.meta.url)),
    ]);
    const node = new AudioWorkletNode(context, "noise-suppressor", {
      channelCount: 1,
      channelCountMode: "explicit",
      outputChannelCount: [1],
      processorOptions: { module },
    });
    node.onprocessorerror = () => onLost("broken");
    const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    context
      .createMediaStreamSource(new MediaStream([device]))
      .connect(node)
      .connect(out);
    const [track] = out.stream.getAudioTracks();
    if (!track) throw new Error("an audio destination has no track");
    const stopWaking = wake(context);
    const close = () => {
      stopWaking();
      track.stop();
      void context.close();
    };
    return { track, close };
  } catch (error) {
    void context.close();
    throw error;
  }
}

function rnnoise() {
  if (compiled) return compiled;
  const file = new URL("../../vendor/rnnoise/rnnoise.wasm", import.meta.url);
  const loading = WebAssembly.compileStreaming(fetch(file));
  compiled = loading;
  // A line that failed once may be back.
  loading.catch(() => {
    compiled = null;
  });
  return loading;
}

/**
 * Starts the audio thread; where the browser waits for a click or key, then.
 *
 * @param {AudioContext} context
 * @returns {() => void} ends it
 */
function wake(context) {
  const page = new AbortController();
  const resume = () => context.state === "suspended" && context.resume().catch(() => {}); // it was closed meanwhile
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, resume, { signal: page.signal, capture: true });
  resume();
  return () => page.abort();
}
