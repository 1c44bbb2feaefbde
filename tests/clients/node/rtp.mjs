// What the stacks that send and receive RTP packets have in common.

const FRAME_MS = 20;

/** Calls `send` with an RTP packet of each of them again and again; the numbers are those of RFC 3550. */
export function play(media, send) {
  const video = { type: 96, clock: 90_000, payload: Buffer.concat([Buffer.from([0x10]), media.picture]) };
  const audio = { type: 111, clock: 48_000, payload: media.sound };
  for (const [kind, source] of Object.entries({ audio, video })) {
    let number = 0;
    setInterval(() => {
      const header = Buffer.alloc(12);
      header[0] = 0x80;
      header[1] = 0x80 | source.type;
      header.writeUInt16BE(number & 0xffff, 2);
      header.writeUInt32BE(((number * source.clock * FRAME_MS) / 1000) >>> 0, 4);
      number += 1;
      send(kind, Buffer.concat([header, source.payload]));
    }, FRAME_MS);
  }
}

/** The msid stream of the m-line of an SDP with this mid. */
export function streamOf(sdp, mid) {
  const section = sdp.split("\r\nm=").find((one) => one.split("\r\n").includes(`a=mid:${mid}`));
  return /^a=msid:(\S+)/m.exec(section ?? "")?.[1] ?? "";
}

/** Counts packets: each tenth is told. */
export function counter(tell) {
  let count = 0;
  return () => {
    count += 1;
    if (count % 10 === 0) tell();
  };
}
