// libdatachannel (C++), by its binding for Node.js.

import { randomInt } from "node:crypto";
import datachannel from "node-datachannel";
import { counter, play, streamOf } from "./rtp.mjs";

export class Call {
  constructor(media, got) {
    this.got = got;
    this.connection = new datachannel.PeerConnection("call", { iceServers: [], disableAutoNegotiation: true });
    this.gathered = new Promise((resolve) => {
      this.connection.onGatheringStateChange((state) => state === "complete" && resolve());
    });
    // What nobody refers to is collected, and closed.
    this.tracks = [];
    this.connection.onTrack((track) => this.receive(track));
    const ssrcs = { audio: randomInt(1, 2 ** 32), video: randomInt(1, 2 ** 32) };
    const own = { audio: this.send("Audio", ssrcs.audio), video: this.send("Video", ssrcs.video) };
    play(media, (kind, packet) => {
      packet.writeUInt32BE(ssrcs[kind], 8);
      if (own[kind].isOpen()) own[kind].sendMessageBinary(packet);
    });
  }

  send(kind, ssrc) {
    const media = new datachannel[kind](kind, "SendOnly");
    if (kind === "Audio") media.addOpusCodec(111);
    else media.addVP8Codec(96);
    media.addSSRC(ssrc, "libdatachannel", "stream", kind);
    return this.connection.addTrack(media);
  }

  async describe(type) {
    this.connection.setLocalDescription(type);
    await this.gathered;
    return this.connection.localDescription().sdp;
  }

  offer() {
    return this.describe("offer");
  }

  answered(sdp) {
    this.connection.setRemoteDescription(sdp, "answer");
  }

  answer(sdp) {
    this.connection.setRemoteDescription(sdp, "offer");
    return this.describe("answer");
  }

  receive(track) {
    this.tracks.push(track);
    const count = counter(() => this.got(track.type(), streamOf(this.connection.remoteDescription().sdp, track.mid())));
    track.onMessage(count);
  }
}
