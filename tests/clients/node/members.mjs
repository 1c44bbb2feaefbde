// The media of several members of a meeting, on one of the stacks here. Its caller does the signaling: it writes events
// to stdin and reads calls from stdout, one JSON object a line, each with the number of the member.
//
// usage: members.mjs <stack> <picture> <sound>: a VP8 keyframe and an Opus packet, in hexadecimal digits

import { createInterface } from "node:readline";

const [stack, picture, sound] = process.argv.slice(2);
const { Call } = await import(`./${stack}.mjs`);
const media = { picture: Buffer.from(picture, "hex"), sound: Buffer.from(sound, "hex") };
const members = new Map();

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** What one member does, one event after another. */
class Member {
  constructor(number) {
    this.number = number;
    this.done = Promise.resolve();
  }

  take(event) {
    this.done = this.done
      .then(() => this.handle(event))
      .catch((error) => say({ member: this.number, name: "failed", sdp: String(error?.stack ?? error) }));
  }

  async handle(event) {
    if (event.name === "Start") {
      // What still comes by the one before does not count.
      const call = new Call(media, (kind, stream) => {
        if (this.call === call) say({ member: this.number, name: "got", kind, stream });
      });
      this.call = call;
      say({ member: this.number, name: "SendOffer", sdp: await this.call.offer() });
    } else if (event.name === "ReceiveAnswer") {
      await this.call.answered(event.sdp);
    } else if (event.name === "ReceiveOffer") {
      say({ member: this.number, name: "SendAnswer", sdp: await this.call.answer(event.sdp) });
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line);
  if (!members.has(event.member)) members.set(event.member, new Member(event.member));
  members.get(event.member).take(event);
}
process.exit(0);
