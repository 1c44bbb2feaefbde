// @roamhq/wrtc: libwebrtc for Node.js. It encodes what it sends and decodes what it gets.

import wrtc from "@roamhq/wrtc";

const WIDTH = 64;
const HEIGHT = 48;
const RATE = 48_000;
const { RTCAudioSource, RTCVideoSource } = wrtc.nonstandard;

export class Call {
  constructor(_media, got) {
    this.got = got;
    this.connection = new wrtc.RTCPeerConnection();
    /** Which msid stream a mid belongs to. */
    this.streams = new Map();
    this.connection.ontrack = ({ transceiver, streams }) => this.streams.set(transceiver.mid, streams[0]?.id ?? "");
    const stream = new wrtc.MediaStream();
    const video = new RTCVideoSource();
    const audio = new RTCAudioSource();
    for (const source of [audio, video]) this.connection.addTrack(source.createTrack(), stream);
    setInterval(() => video.onFrame(grey()), 50);
    setInterval(() => audio.onData(tone()), 10);
    setInterval(() => this.report(), 200);
  }

  async describe(description) {
    await this.connection.setLocalDescription(description);
    while (this.connection.iceGatheringState !== "complete") {
      await new Promise((resolve) =>
        this.connection.addEventListener("icegatheringstatechange", resolve, { once: true }),
      );
    }
    return this.connection.localDescription.sdp;
  }

  async offer() {
    return this.describe(await this.connection.createOffer());
  }

  async answered(sdp) {
    await this.connection.setRemoteDescription({ type: "answer", sdp });
  }

  async answer(sdp) {
    await this.connection.setRemoteDescription({ type: "offer", sdp });
    return this.describe(await this.connection.createAnswer());
  }

  /** Tells of each stream that was decoded; sound that is silence counts for nothing. */
  async report() {
    for (const one of (await this.connection.getStats()).values()) {
      const decoded = one.kind === "video" ? one.framesDecoded >= 10 : one.totalAudioEnergy > 0;
      if (one.type === "inbound-rtp" && decoded && this.streams.has(one.mid)) {
        this.got(one.kind, this.streams.get(one.mid));
      }
    }
  }
}

function grey() {
  return { width: WIDTH, height: HEIGHT, data: new Uint8ClampedArray((WIDTH * HEIGHT * 3) / 2).fill(128) };
}

function tone() {
  const samples = Int16Array.from(
    { length: RATE / 100 },
    (_, at) => 20_000 * Math.sin((2 * Math.PI * 1_000 * at) / RATE),
  );
  return { samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: samples.length };
}
