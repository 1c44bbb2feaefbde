/** Web Audio of a browser without sound: a graph whose levels the test sets. */
import { FakeStream, FakeTrack } from "./fake_media.js";

class FakeNode {
  connect(next) {
    return next;
  }

  disconnect() {}
}

/** The context of audio nodes. `level` is what every analyser hears. */
export class FakeAudioContext {
  static made = [];
  static level = 0;
  state = "running";
  modules = [];
  sources = [];
  audioWorklet = { addModule: async (url) => void this.modules.push(String(url)) };

  constructor(options = {}) {
    this.options = options;
    FakeAudioContext.made.push(this);
  }

  createAnalyser() {
    return Object.assign(new FakeNode(), {
      getFloatTimeDomainData: (samples) => samples.fill(FakeAudioContext.level),
    });
  }

  createMediaStreamSource(stream) {
    this.sources.push(stream.getTracks()[0]);
    return new FakeNode();
  }

  async resume() {
    this.state = "running";
  }

  async close() {
    this.state = "closed";
  }
}

export class FakeWorkletNode extends FakeNode {
  static made = [];

  constructor(context, name, options) {
    super();
    Object.assign(this, { context, name, options });
    FakeWorkletNode.made.push(this);
  }
}

/** Puts them in the place of the browser's. */
export function fakeAudio() {
  FakeAudioContext.made = [];
  FakeAudioContext.level = 0;
  FakeWorkletNode.made = [];
  globalThis.AudioContext = FakeAudioContext;
  globalThis.AudioWorkletNode = FakeWorkletNode;
  globalThis.MediaStream = FakeStream;
  globalThis.MediaStreamAudioDestinationNode = class extends FakeNode {
    stream = new FakeStream([new FakeTrack("audio")]);
  };
}
