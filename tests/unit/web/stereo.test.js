import assert from "node:assert/strict";
import { test } from "node:test";
import { withStereo } from "../../../python/tertulia/web/static/media/stereo.js";

const audio = (parameters) =>
  `m=audio 9 UDP/TLS/RTP/SAVPF 0 109\r\na=rtpmap:0 PCMU/8000\r\na=fmtp:0 x=1\r\na=rtpmap:109 opus/48000/2\r\na=fmtp:109 ${parameters}\r\n`;
const VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\na=fmtp:96 y=1\r\n";
const SESSION = "v=0\r\ns=-\r\n";

test("stereo is asked for on every audio m-line but the microphone's", () => {
  const plain = SESSION + audio("minptime=10") + VIDEO + audio("minptime=10") + audio("minptime=10");
  const stereo = audio("minptime=10;stereo=1;sprop-stereo=1");
  const asked = withStereo(plain);
  assert.equal(asked, SESSION + audio("minptime=10") + VIDEO + stereo + stereo);
  assert.equal(withStereo(asked), asked);
});

test("what a browser says by itself is not said twice", () => {
  const firefox = SESSION + audio("stereo=1;useinbandfec=1").repeat(2);
  const asked = audio("stereo=1;useinbandfec=1;sprop-stereo=1");
  assert.equal(withStereo(firefox), SESSION + audio("stereo=1;useinbandfec=1") + asked);
});

test("an SDP without sound stays as it is", () => {
  for (const sdp of ["", SESSION, SESSION + VIDEO]) assert.equal(withStereo(sdp), sdp);
});
