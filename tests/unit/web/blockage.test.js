import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { blockageOf, combined, waysOf } from "../../../python/tertulia/web/static/media/blockage.js";
import { explainBlockage } from "../../../python/tertulia/web/static/view/dialogs/blocked.js";
import { plain } from "../../../python/tertulia/web/static/words.js";
import "./english.js";

const sdp = (...candidates) =>
  candidates
    .map(([protocol, type = "host"], i) => `a=candidate:${i} 1 ${protocol} 99 ::1 ${i + 1} typ ${type}\r\n`)
    .join("");

describe("what was tried", () => {
  test("is what both sides had a candidate for", () => {
    assert.deepEqual(waysOf(sdp(["udp"], ["tcp"]), sdp(["UDP"], ["TCP"])), ["udp", "tcp"]);
    assert.deepEqual(waysOf(sdp(["udp"]), sdp(["udp"], ["tcp"])), ["udp"]);
    assert.deepEqual(waysOf(sdp(["udp"], ["tcp"]), ""), []);
  });

  test("a relay is a way of its own", () => {
    assert.deepEqual(waysOf(sdp(["udp", "relay"]), sdp(["udp"])), ["relay"]);
  });

  test("TURN is there if an ICE server is one", () => {
    const connection = (...urls) => ({
      pendingLocalDescription: { sdp: "v=0\r\n" },
      currentLocalDescription: { sdp: sdp(["udp", "srflx"]) },
      currentRemoteDescription: { sdp: sdp(["udp"]) },
      getConfiguration: () => ({ iceServers: urls.map((url) => ({ urls: url })) }),
    });
    const hasTurn = (...urls) => blockageOf(connection(...urls), ["u1"]).hasTurn;
    assert.equal(hasTurn("stun:a:3478"), false);
    assert.equal(hasTurn("stun:a:3478", ["turns:b:443?transport=tcp"]), true);
    assert.deepEqual(blockageOf(connection(), ["u1"]), { tried: ["udp"], hasTurn: false, userIds: ["u1"] });
  });

  test("of several connections is put together", () => {
    const one = { tried: ["udp"], hasTurn: false, userIds: ["u1"] };
    const two = { tried: ["udp", "relay"], hasTurn: true, userIds: ["u2"] };
    assert.equal(combined([null, null]), null);
    assert.deepEqual(combined([one, null, two]), { tried: ["udp", "relay"], hasTurn: true, userIds: ["u1", "u2"] });
  });
});

describe("in words", () => {
  const nameOf = (userId) => ({ u1: "Ana", u2: "Ben" })[userId];
  const words = (blockage) => {
    const { tried, matter, advice } = explainBlockage(blockage, nameOf);
    return [plain(matter), plain(tried), advice.at(-1)];
  };

  test("the SFU", () => {
    const blockage = { tried: ["udp", "tcp"], hasTurn: false, userIds: [] };
    const [matter, tried, last] = words(blockage);
    assert.equal(matter, "Nothing gets through between you and the media server.");
    assert.equal(tried, "Tried: UDP and TCP.");
    assert.match(last, /no TURN server/);
  });

  test("other members", () => {
    const blockage = { tried: ["udp", "relay"], hasTurn: true, userIds: ["u1", "u2"] };
    const [matter, tried, last] = words(blockage);
    assert.equal(matter, "Nothing gets through between you and Ana and Ben.");
    assert.equal(tried, "Tried: UDP and a TURN relay.");
    assert.match(last, /TURN server cannot be reached/);
  });

  test("a browser and a server that do not agree on how to encrypt", () => {
    const blockage = { tried: ["udp"], hasTurn: true, userIds: [], cause: "encryption" };
    const [matter, tried, last] = words(blockage);
    assert.match(matter, /cannot agree on how to encrypt/);
    assert.equal(tried, "");
    assert.match(last, /tell whoever runs this server/);
  });

  test("an SFU that does not answer, which is no matter of the browser's or the network's", () => {
    const blockage = { tried: [], hasTurn: false, userIds: [], cause: "unanswered" };
    const { matter, tried, advice } = explainBlockage(blockage, nameOf);
    assert.deepEqual([matter, tried], ["The media server does not answer.", ""]);
    assert.match(advice.join(" "), /^Wait a moment.* tell whoever runs this server\.$/);
  });

  test("a browser that may not send straight", () => {
    const [matter, tried] = words({ tried: [], hasTurn: false, userIds: [] });
    assert.equal(tried, "Nothing could be tried.");
    assert.match(matter, /found no way to send anything/);
  });
});
