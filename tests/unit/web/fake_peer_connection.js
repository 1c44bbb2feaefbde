import { FakeStream, FakeTrack } from "./fake_media.js";

const sends = (direction) => direction === "sendrecv" || direction === "sendonly";
const receives = (direction) => direction === "sendrecv" || direction === "recvonly";

/** What both sides agree on: `mine` as far as `theirs` allows it. */
function meet(mine, theirs) {
  const [out, back] = [sends(mine) && receives(theirs), receives(mine) && sends(theirs)];
  if (out) return back ? "sendrecv" : "sendonly";
  return back ? "recvonly" : "inactive";
}

/** What the browser has, and everybody agrees on. */
const CODECS = [{ mimeType: "audio/opus" }, { mimeType: "audio/red" }];

class FakeTransceiver {
  mid = null;
  currentDirection = null;

  constructor(pc, kind, track, { direction = "sendrecv", streams = [], sendEncodings = [{}] } = {}) {
    this.pc = pc;
    this.kind = kind;
    this.streams = streams;
    this.receiver = {
      track: new FakeTrack(kind),
      packetAt: 0,
      getSynchronizationSources: () => (this.receiver.packetAt ? [{ timestamp: this.receiver.packetAt }] : []),
    };
    this.sender = {
      track,
      parameters: { encodings: structuredClone(sendEncodings), codecs: structuredClone(CODECS) },
      getParameters: () => structuredClone(this.sender.parameters),
      setParameters: async (parameters) => {
        if (pc.signalingState !== "stable") throw new DOMException("negotiating", "InvalidModificationError");
        this.sender.parameters = parameters;
      },
      setStreams: (...streams) => {
        this.streams = streams;
      },
      replaceTrack: async (replacement) => {
        this.sender.track = replacement;
      },
    };
    this.direction_ = direction;
  }

  get direction() {
    return this.direction_;
  }

  set direction(direction) {
    this.direction_ = direction;
    this.pc.checkNegotiation();
  }

  setCodecPreferences(codecs) {
    this.preferences = codecs.map(({ mimeType }) => mimeType);
  }

  stop() {
    this.direction_ = "stopped";
  }
}

/**
 * A PeerConnection that negotiates as JSEP (RFC 8829) says, without a network: the test decides what ICE finds. Its SDP
 * is "v=0" and a line of JSON. Two of them understand each other.
 */
export class FakePeerConnection {
  static async generateCertificate(algorithm) {
    return { algorithm };
  }

  /** Every one that was made, the oldest first. */
  static made = [];

  signalingState = "stable";
  iceConnectionState = "new";
  connectionState = "new";
  localDescription = null;
  currentRemoteDescription = null;
  onnegotiationneeded = null;
  onicecandidate = null;
  oniceconnectionstatechange = null;
  onconnectionstatechange = null;
  ontrack = null;
  /** Local offers that were made. */
  offers = 0;
  restarts = 0;
  /** Remote candidates that were taken. */
  candidates = [];
  /** What getStats gives. */
  stats = [];
  #transceivers = [];
  #nextMid = 0;
  #restarting = false;
  #asked = false;

  constructor(configuration) {
    this.configuration = configuration;
    FakePeerConnection.made.push(this);
  }

  addTransceiver(trackOrKind, init) {
    const isKind = typeof trackOrKind === "string";
    const kind = isKind ? trackOrKind : trackOrKind.kind;
    const transceiver = new FakeTransceiver(this, kind, isKind ? null : trackOrKind, init);
    this.#transceivers.push(transceiver);
    this.checkNegotiation();
    return transceiver;
  }

  getTransceivers() {
    return this.#transceivers.filter(({ direction }) => direction !== "stopped");
  }

  async createOffer() {
    return { type: "offer", sdp: "v=0\r\n" };
  }

  async createAnswer() {
    return { type: "answer", sdp: "v=0\r\n" };
  }

  /** @param {RTCSessionDescriptionInit} [made] none: what the state asks for */
  async setLocalDescription(made) {
    this.#assertOpen();
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    if (made && made.type !== type) throw new DOMException(`no ${made.type} now`, "InvalidStateError");
    if (type === "offer") this.#offer();
    else this.#answer();
  }

  async setRemoteDescription({ type, sdp }) {
    this.#assertOpen();
    const { lines } = parse(sdp);
    if (type === "answer") {
      if (this.signalingState !== "have-local-offer") throw new DOMException("no offer", "InvalidStateError");
      for (const { mid, direction } of lines) {
        const line = this.#transceivers.find((t) => t.mid === mid);
        this.#agree(line, direction);
      }
      this.#settle({ type, sdp });
    } else {
      if (this.signalingState === "have-local-offer") this.#rollBack();
      for (const line of lines) this.#take(line);
      this.remote = { type, sdp };
      this.signalingState = "have-remote-offer";
    }
  }

  async addIceCandidate(candidate) {
    this.#assertOpen();
    if (!this.currentRemoteDescription && !this.remote) throw new DOMException("no description", "InvalidStateError");
    this.candidates.push(candidate);
  }

  restartIce() {
    this.restarts++;
    this.#restarting = true;
    this.checkNegotiation();
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  getConfiguration() {
    return this.configuration;
  }

  async getStats() {
    return new Map(this.stats.map((s) => [s.id, s]));
  }

  close() {
    this.signalingState = "closed";
    this.iceConnectionState = this.connectionState = "closed";
  }

  /** ICE comes to a state. */
  ice(state) {
    this.iceConnectionState = state;
    this.connectionState = state === "completed" ? "connected" : state;
    this.oniceconnectionstatechange?.();
    this.onconnectionstatechange?.();
  }

  /** ICE found a local candidate; null: no more. */
  find(candidate) {
    this.onicecandidate?.({ candidate: candidate && { toJSON: () => ({ candidate }) } });
  }

  /** Asks for an offer, as browsers do: once everything is stable, and once for all changes. */
  checkNegotiation() {
    if (this.#asked || !this.#needsOffer()) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      if (this.#needsOffer()) this.onnegotiationneeded?.();
    });
  }

  #needsOffer() {
    if (this.signalingState !== "stable") return false;
    return this.#restarting || this.getTransceivers().some((t) => t.mid === null || t.described !== t.direction);
  }

  #offer() {
    this.offers++;
    this.#restarting = false;
    for (const line of this.getTransceivers()) {
      if (line.mid === null) {
        line.mid = String(this.#nextMid++);
        line.isPending = true;
      }
      line.described = line.direction;
    }
    this.localDescription = { type: "offer", sdp: this.#describe("offer") };
    this.signalingState = "have-local-offer";
  }

  #answer() {
    for (const { mid, direction } of parse(this.remote.sdp).lines) {
      const line = this.#transceivers.find((t) => t.mid === mid);
      line.described = line.direction;
      this.#agree(line, direction);
    }
    this.localDescription = { type: "answer", sdp: this.#describe("answer") };
    this.#settle(this.remote);
  }

  #describe(type) {
    const lines = this.getTransceivers().filter(({ mid }) => mid !== null);
    const described = lines.map(({ mid, kind, direction, currentDirection, streams }) => ({
      mid,
      kind,
      direction: type === "answer" ? currentDirection : direction,
      stream: streams[0]?.id,
    }));
    return `v=0\r\n${JSON.stringify({ restarts: this.restarts, lines: described })}`;
  }

  /** An m-line of a remote offer: known by its mid, or new. */
  #take({ mid, kind, direction, stream }) {
    let line = this.#transceivers.find((t) => t.mid === mid);
    if (!line) {
      line = new FakeTransceiver(this, kind, null, { direction: "recvonly" });
      line.mid = mid;
      this.#nextMid = Math.max(this.#nextMid, Number(mid) + 1);
      this.#transceivers.push(line);
    }
    if (!sends(direction)) return;
    this.ontrack?.({
      track: line.receiver.track,
      transceiver: line,
      streams: stream ? [new FakeStream([], stream)] : [],
    });
  }

  #agree(line, theirs) {
    line.currentDirection = meet(line.direction, theirs);
    line.isPending = false;
  }

  #rollBack() {
    for (const line of this.#transceivers.filter((t) => t.isPending)) {
      line.mid = null;
      line.isPending = false;
    }
    this.signalingState = "stable";
  }

  #settle(remote) {
    this.currentRemoteDescription = remote;
    this.remote = null;
    this.signalingState = "stable";
    this.checkNegotiation();
  }

  #assertOpen() {
    if (this.signalingState === "closed") throw new DOMException("closed", "InvalidStateError");
  }
}

/** @returns {{restarts: number, lines: {mid: string, kind: string, direction: string, stream?: string}[]}} */
export function parse(sdp) {
  return JSON.parse(sdp.slice(sdp.indexOf("{")));
}

/** The answer of someone who takes whatever is offered. */
export async function answerTo(sdp) {
  const far = new FakePeerConnection();
  FakePeerConnection.made.pop();
  await far.setRemoteDescription({ type: "offer", sdp });
  for (const line of far.getTransceivers()) line.direction = "sendrecv";
  await far.setLocalDescription();
  return far.localDescription.sdp;
}

/** Puts the fakes in the place of what a browser has. */
export function fakeBrowser() {
  FakePeerConnection.made = [];
  globalThis.RTCPeerConnection = FakePeerConnection;
  globalThis.RTCRtpSender = { getCapabilities: () => ({ codecs: structuredClone(CODECS) }) };
  globalThis.MediaStream = FakeStream;
}
