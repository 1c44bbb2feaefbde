// werift: WebRTC in TypeScript.

import { MediaStreamTrack, RTCPeerConnection, useOPUS, useVP8 } from "werift";
import { counter, play, streamOf } from "./rtp.mjs";

export class Call {
  constructor(media, got) {
    this.got = got;
    this.connection = new RTCPeerConnection({
      codecs: { audio: [useOPUS()], video: [useVP8()] },
      iceServers: [],
      iceAdditionalHostAddresses: ["127.0.0.1"],
    });
    this.connection.onTrack.subscribe((track) => this.receive(track));
    const tracks = { audio: new MediaStreamTrack({ kind: "audio" }), video: new MediaStreamTrack({ kind: "video" }) };
    for (const track of Object.values(tracks)) this.connection.addTransceiver(track, { direction: "sendonly" });
    play(media, (kind, packet) => tracks[kind].writeRtp(packet));
  }

  async offer() {
    await this.connection.setLocalDescription(await this.connection.createOffer());
    return this.connection.localDescription.sdp;
  }

  async answered(sdp) {
    await this.connection.setRemoteDescription({ type: "answer", sdp });
  }

  async answer(sdp) {
    await this.connection.setRemoteDescription({ type: "offer", sdp });
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    return this.connection.localDescription.sdp;
  }

  receive(track) {
    const count = counter(() => {
      const transceiver = this.connection.getTransceivers().find((one) => one.receiver.tracks.includes(track));
      this.got(track.kind, streamOf(this.connection.remoteDescription.sdp, transceiver.mid));
    });
    track.onReceiveRtp.subscribe(count);
  }
}
