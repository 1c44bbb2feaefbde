/** @import { Way } from "../blockage.js" */
import { Hub, TertuliaError } from "../../protocol.js";
import { relays } from "../relays.js";

/** The SFU answers an offer at once. */
const ANSWER_MS = 5000;
/** A way that works takes some round trips; TURN by TLS a few more. */
const CONNECT_MS = 8000;
/** The SFU reads two offers a second of a client. */
const OFFER_PAUSE_MS = 600;

/** @typedef {{pc: RTCPeerConnection, milliseconds: number}} Connected after how long media could flow */

/** A candidate's transport (RFC 8839, section 5.1). */
const CANDIDATE = /^a=candidate:\S+ \d+ (\S+) /i;

/**
 * An answer with the SFU's candidates for one way only.
 *
 * @param {string} sdp
 * @param {Way} way
 * @returns {string | null} null: the SFU has no such candidate
 */
export function answerBy(sdp, way) {
  const protocol = way === "tcp" ? "tcp" : "udp"; // a relay sends UDP
  const isOther = (/** @type {string} */ line) => {
    const found = CANDIDATE.exec(line)?.[1]?.toLowerCase();
    return found !== undefined && found !== protocol;
  };
  const lines = sdp.split("\r\n").filter((line) => !isOther(line));
  return lines.some((line) => CANDIDATE.test(line)) ? lines.join("\r\n") : null;
}

/**
 * The servers by which a way is tried: straight without any, so that nothing else can be taken for it.
 *
 * @param {RTCIceServer[]} servers
 * @param {Way} way
 */
export function serversFor(servers, way) {
  return way === "relay" ? relays(servers) : [];
}

/** One of the two people in the room of a connection test. It makes one connection to the SFU after the other. */
export class Visitor {
  #hub;
  #iceServers;
  #transportId = "";
  #offeredAt = -Infinity;

  /**
   * @param {object} room
   * @param {string} room.roomId
   * @param {string} room.token
   * @param {string} room.wsUrl
   * @param {RTCIceServer[]} room.iceServers
   */
  constructor({ roomId, token, wsUrl, iceServers }) {
    this.#iceServers = iceServers;
    this.#hub = new Hub({
      roomId,
      grant: async () => ({ wsUrl, token }),
      state: () => ({ isMuted: false, isVideoOn: true }),
    });
  }

  /**
   * Joins the room.
   *
   * @returns {Promise<number>} milliseconds that the server took
   * @throws {TertuliaError} refused, or there is no SFU
   */
  async join() {
    const began = performance.now();
    const endpoint = this.#next("SfuEndpoint", () => true);
    await this.#hub.join();
    const milliseconds = performance.now() - began;
    this.#transportId = (await endpoint.within(ANSWER_MS)).transportId;
    return milliseconds;
  }

  leave() {
    this.#hub.leave();
  }

  /**
   * Connects to the SFU by one way only.
   *
   * @param {Way} way
   * @param {(pc: RTCPeerConnection) => void} addLines what is sent and received
   * @returns {Promise<Connected | "none" | "fails">} none: there is no such way on this server
   */
  async connect(way, addLines) {
    const iceServers = serversFor(this.#iceServers, way);
    if (way === "relay" && iceServers.length === 0) return "none";
    const iceTransportPolicy = way === "relay" ? "relay" : "all";
    const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy, bundlePolicy: "max-bundle" });
    addLines(pc);
    const connected = await this.#connectBy(pc, way).catch((e) => {
      pc.close();
      throw e;
    });
    if (typeof connected === "string") pc.close();
    return connected;
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {Way} way
   * @returns {Promise<Connected | "none" | "fails">}
   */
  async #connectBy(pc, way) {
    const answer = answerBy(await this.#exchange(pc), way);
    if (answer === null) return "none";
    const began = performance.now();
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
    return (await isConnected(pc)) ? { pc, milliseconds: performance.now() - began } : "fails";
  }

  /**
   * Offers, and waits for the answer. The SFU learns our candidates from our checks.
   *
   * @param {RTCPeerConnection} pc
   */
  async #exchange(pc) {
    await pause(this.#offeredAt + OFFER_PAUSE_MS - performance.now());
    await pc.setLocalDescription();
    this.#offeredAt = performance.now();
    const targetUserId = this.#transportId;
    const answer = this.#next("ReceiveAnswer", ({ sourceUserId }) => sourceUserId === targetUserId);
    await this.#hub.call("SendOffer", { targetUserId, sdp: pc.localDescription?.sdp ?? "", slots: true });
    return (await answer.within(ANSWER_MS)).sdp;
  }

  /**
   * The next event of a name, which may come before it is waited for.
   *
   * @param {any} name
   * @param {(payload: any) => boolean} isIt
   * @returns {{within: (milliseconds: number) => Promise<any>}}
   */
  #next(name, isIt) {
    const next = new Promise((resolve) => {
      const end = this.#hub.on(name, (payload) => {
        if (!isIt(payload)) return;
        end();
        resolve(payload);
      });
    });
    const within = async (/** @type {number} */ milliseconds) => {
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let late;
      const never = new Promise((_, reject) => {
        late = setTimeout(() => reject(new TertuliaError("unavailable", `No ${name} came.`)), milliseconds);
      });
      return Promise.race([next, never]).finally(() => clearTimeout(late));
    };
    return { within };
  }
}

/**
 * @param {RTCPeerConnection} pc
 * @returns {Promise<boolean>} false: there is no way, or none within {@link CONNECT_MS}
 */
function isConnected(pc) {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), CONNECT_MS);
    const look = () => {
      if (pc.connectionState !== "connected" && pc.connectionState !== "failed") return;
      clearTimeout(late);
      resolve(pc.connectionState === "connected");
    };
    pc.onconnectionstatechange = look;
    look();
  });
}

/** @param {number} milliseconds */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
