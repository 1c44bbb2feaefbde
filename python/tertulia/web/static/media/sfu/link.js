/** @import { Hub } from "../../protocol/hub.js" */
/** @import { Slot, Source, VideoLimit, WantedVideo } from "../../protocol/types.js" */
/** @import { Link, LinkEvents, LinkOptions, LinkState } from "../link.js" */
import { Emitter, TertuliaError } from "../../protocol.js";
import { relays } from "../relays.js";
import { logFailure } from "../serial.js";
import { SfuConnection } from "./connection.js";
import { Handover } from "./handover.js";
import { Retries } from "./retries.js";
import { MAX_VIDEO_SLOTS } from "./slots.js";

/** What the SFU is called before its name is known. */
const SFU = "sfu";
/** Why an offer to it may find no SFU: the room has none, or none yet, or was not joined. */
const NO_SFU = new Set(["unknown_target", "not_joined", "unreachable"]);
/** Video slots of the first offer, which is made before it is known how many people there are. */
const FIRST_VIDEO_SLOTS = 6;
/** Slots beyond the tiles, which the SFU fills with screens that someone begins to share. */
const SPARE_SLOTS = 2;
/** What browsers make by default. */
const CERTIFICATE = { name: "ECDSA", namedCurve: "P-256" };
/**
 * Errors that leave an offer under way as it is: two are about one track or m-line, and what this client said was taken;
 * after `dtls` the connection is closed; where the SFU is unreachable, another one follows, or the offer is late.
 */
const SPARES_THE_OFFER = new Set(["no_common_codec", "declined", "dtls", "unreachable"]);
/** A view that was not sent yet: the SFU chooses by itself. */
const NO_VIEW = "[]";

/**
 * The link of a room that uses an SFU (topology `sfu`). It hands over to another connection when the room moves to
 * another SFU, and replaces its connection when the SFU has lost it.
 *
 * @implements {Link}
 * @extends {Emitter<LinkEvents>}
 */
export class SfuLink extends Emitter {
  /** @type {Hub} */
  #hub;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {(iceServers: RTCIceServer[]) => void} they are known now */
  #onIceServers = () => {};
  /**
   * Of each connection that follows one which the SFU has closed: it knows by it with whom DTLS has failed.
   *
   * @type {RTCCertificate[]}
   */
  #certificates = [];
  #sending;
  #transportId = "";
  /** @type {LinkState} */
  #state = "connecting";
  /** The views wanted by us, and known to the SFU, as JSON. */
  #view = { wanted: NO_VIEW, sent: NO_VIEW };
  #videoSlots = FIRST_VIDEO_SLOTS;
  /** @type {VideoLimit[]} as the SFU has said last */
  #limits = [];
  #connection;
  /** @type {Handover | null} null: there is one connection only */
  #handover = null;
  /** While the hub is away, its return opens the connection. */
  #retries = new Retries(() => this.#hub.state === "joined" && this.#connection.open());
  /** @type {(() => void)[]} */
  #unsubscribe;
  /** @type {() => void} */
  #onAgreed = () => {};
  /** @type {Promise<void>} */
  agreed = new Promise((resolve) => {
    this.#onAgreed = resolve;
  });

  /** @param {LinkOptions} options */
  constructor({ hub, iceServers, tracks }) {
    super();
    this.#hub = hub;
    this.#sending = new Map(tracks);
    this.#connection = this.#connect();
    this.#connection.prepare(
      new Promise((resolve) => {
        this.#onIceServers = resolve;
      }),
    );
    if (iceServers) this.setIceServers(iceServers);
    this.#makeCertificate().catch(logFailure);
    this.#unsubscribe = this.#listen();
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  setTrack(source, track) {
    if (track) this.#sending.set(source, track);
    else this.#sending.delete(source);
    this.#connection.setTrack(source, track);
    this.#handover?.old.setTrack(source, track);
  }

  /** @param {WantedVideo[]} videos */
  setView(videos) {
    this.#view.wanted = JSON.stringify(videos);
    this.#videoSlots = Math.min(MAX_VIDEO_SLOTS, Math.max(FIRST_VIDEO_SLOTS, videos.length + SPARE_SLOTS));
    this.#sendView();
  }

  tracks() {
    return this.#shown.tracks();
  }

  async report() {
    const shown = this.#shown;
    const report = await shown.report();
    // The one that is being left says nothing of the way to the next.
    return shown === this.#connection ? { ...report, blockage: this.#retries.explain(report.blockage) } : report;
  }

  /** @returns {Promise<import("../details.js").Details>} */
  async details() {
    return { ...(await this.#shown.details()), limits: this.#limits };
  }

  /** @param {RTCIceServer[]} iceServers */
  setIceServers(iceServers) {
    this.#iceServers = relays(iceServers);
    this.#onIceServers(this.#iceServers);
    this.#connection.setIceServers(this.#iceServers);
  }

  /** The connection whose media is shown. */
  get #shown() {
    return this.#handover && !this.#handover.isShown ? this.#handover.old : this.#connection;
  }

  close() {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#retries.reset();
    this.#endHandover();
    this.#connection.close();
  }

  #listen() {
    const hub = this.#hub;
    return [
      // The first offer follows JoinRoom without waiting for its answer.
      hub.on("asked", () => this.#transportId === "" && this.#connection.open()),
      hub.on("joined", ({ missed = false }) => this.#onJoined(missed)),
      hub.on("SfuEndpoint", ({ transportId }) => this.#onEndpoint(transportId)),
      hub.on("ReceiveOffer", ({ sourceUserId, sdp }) => this.#from(sourceUserId)?.receiveOffer(sdp)),
      hub.on("ReceiveAnswer", ({ sourceUserId, sdp }) => this.#from(sourceUserId)?.receiveAnswer(sdp)),
      hub.on("IceCandidate", ({ sourceUserId, candidate }) => this.#from(sourceUserId)?.receiveCandidate(candidate)),
      hub.on("Slots", ({ transportId, slots }) => this.#onSlots(transportId, slots)),
      hub.on("LayersWanted", ({ transportId, videos }) => this.#from(transportId)?.setWantedLayers(videos)),
      hub.on("VideosPaused", (event) => this.#onPaused(event)),
      hub.on("VideosLimited", ({ transportId, videos }) => this.#isShown(transportId) && this.#limit(videos)),
      hub.on("TransportState", (event) => this.#onTransportState(event)),
      hub.on("SfuError", (error) => this.#onError(error)),
      hub.on("ActiveSpeakers", ({ userIds }) => this.emit("speakers", userIds)),
    ];
  }

  /**
   * @param {string} transportId
   * @returns {SfuConnection | null} null: it is about a connection that was replaced
   */
  #from(transportId) {
    return transportId === this.#transportId ? this.#connection : null;
  }

  /**
   * @param {string} transportId
   * @param {Slot[]} slots
   */
  #onSlots(transportId, slots) {
    if (this.#handover && transportId === this.#handover.transportId) this.#handover.old.assign(slots);
    else this.#connection.assign(slots);
  }

  /** @param {{transportId: string, videos: {userId: string, source: Source}[]}} event */
  #onPaused({ transportId, videos }) {
    if (!this.#isShown(transportId)) return;
    this.emit(
      "paused",
      videos.map(({ userId, source }) => `${userId}/${source}`),
    );
  }

  /** @param {VideoLimit[]} limits */
  #limit(limits) {
    this.#limits = limits;
    this.emit("limited", limits);
  }

  /** What was said of our line, or of the connection over it, holds no longer: what holds now will be said. */
  #forgetLine() {
    this.emit("paused", []);
    this.#limit([]);
  }

  /** @param {string} transportId whether it is the connection whose media is shown */
  #isShown(transportId) {
    return transportId === (this.#handover && !this.#handover.isShown ? this.#handover.transportId : this.#transportId);
  }

  /** @param {{transportId: string, state: string, reason?: string}} event */
  #onTransportState({ transportId, state, reason }) {
    const isOurs = this.#from(transportId) !== null;
    if (state === "connected" && isOurs) this.#retries.reset();
    if (state !== "closed") return;
    if (this.#handover && transportId === this.#handover.transportId) this.#endHandover();
    else if (isOurs) this.#onClosed(reason);
  }

  /** @param {boolean} missed */
  #onJoined(missed) {
    this.#connection.resume(missed);
    if (missed) this.#forgetLine();
    this.#view.sent = NO_VIEW;
    this.#sendView();
  }

  /** @param {string} transportId another one than before: another SFU, or another seat */
  #onEndpoint(transportId) {
    const before = this.#transportId;
    this.#transportId = transportId;
    if (transportId !== before) this.#retries.reset();
    if (before !== "" && transportId !== before) this.#handOver(before);
    this.#connection.open();
  }

  /** @param {string} transportId of the connection that there is: it goes on until the next one carries its media */
  #handOver(transportId) {
    this.#endHandover();
    const old = this.#connection;
    const next = this.#connect();
    this.#connection = next;
    this.#view.sent = NO_VIEW;
    this.#handover = new Handover({
      transportId,
      old,
      next,
      onShown: () => {
        this.#forgetLine();
        this.emit("tracks", null);
      },
      onLast: () => this.#endHandover(),
    });
  }

  #endHandover() {
    if (!this.#handover) return;
    const wasShown = this.#handover.isShown;
    if (!wasShown) this.#forgetLine();
    this.#handover.end();
    this.#handover = null;
    if (wasShown) return;
    this.emit("state", this.#state);
    this.emit("tracks", null);
  }

  /**
   * The SFU has closed the connection: begin anew under the same name.
   *
   * @param {string} [reason] why, if it said so
   */
  #onClosed(reason) {
    this.#replace(this.#certificates);
    this.#retries.failed(reason);
  }

  /** The same where the SFU does not answer. It may still have the connection, and knows another by its certificate. */
  #onDead() {
    this.#replace([]);
    this.#retries.failed();
  }

  /** @param {{transportId: string, code: string, message: string}} error */
  #onError({ transportId, code, message }) {
    const connection = this.#from(transportId);
    if (!connection) return;
    console.warn("SFU:", code, message);
    if (!SPARES_THE_OFFER.has(code)) connection.receiveError(code);
  }

  /** @param {RTCCertificate[]} certificates of the next connection; none: the browser makes one */
  #replace(certificates) {
    this.#connection.close();
    this.#connection = this.#connect(certificates);
    this.#forgetLine();
    this.emit("tracks", null);
  }

  async #makeCertificate() {
    this.#certificates = [await RTCPeerConnection.generateCertificate(CERTIFICATE)];
  }

  /** @param {RTCCertificate[]} [certificates] */
  #connect(certificates = []) {
    const connection = new SfuConnection({
      iceServers: this.#iceServers,
      certificates,
      tracks: this.#sending,
      videoSlots: this.#videoSlots,
      signal: {
        offer: async (offer) => isPresent() && this.#offer(offer),
        answer: async (sdp) => isPresent() && this.#hub.call("SendAnswer", { targetUserId: this.#target, sdp }),
        candidate: async (candidate) =>
          isPresent() && this.#hub.call("SendIceCandidate", { targetUserId: this.#target, candidate }),
      },
    });
    // One that is being left has nothing to negotiate any more.
    const isPresent = () => connection === this.#connection;
    connection.on("tracks", () => connection === this.#shown && this.emit("tracks", null));
    connection.on("state", (state) => isPresent() && this.#onState(state));
    connection.on("silent", () => isPresent() && this.#onSilent());
    connection.on("agreed", () => this.#onAgreed());
    connection.on("dead", () => connection === this.#connection && this.#onDead());
    return connection;
  }

  get #target() {
    return this.#transportId || SFU;
  }

  /** @param {{sdp: string, tracks: Record<string, Source>}} offer */
  async #offer({ sdp, tracks }) {
    const targetUserId = this.#target;
    try {
      await this.#hub.call("SendOffer", { targetUserId, sdp, slots: true, tracks });
      return true;
    } catch (error) {
      if (targetUserId !== SFU || !(error instanceof TertuliaError) || !NO_SFU.has(error.code)) throw error;
      return false;
    }
  }

  /** The hub finds out whether the SFU is gone, or only those who sent something. */
  #onSilent() {
    if (this.#hub.state !== "joined") return;
    this.#hub.call("MediaStopped", { transportId: this.#transportId }).catch(() => {});
  }

  /** @param {LinkState} state */
  #onState(state) {
    this.#state = state;
    if (state === "connected") this.#retries.reached();
    this.#handover?.onState(state);
    if (state === "connecting") this.#view.sent = NO_VIEW;
    // While the old connection is shown, nobody need know of another.
    if (state === "connected" || this.#connection === this.#shown) this.emit("state", state);
    this.#sendView();
  }

  /** Tells the SFU which videos are on screen, where it does not know yet. */
  #sendView() {
    const { wanted, sent } = this.#view;
    if (wanted === sent || this.#state !== "connected" || this.#hub.state !== "joined") return;
    this.#view.sent = wanted;
    this.#connection.setVideoSlots(this.#videoSlots);
    this.#hub.call("SetView", { videos: JSON.parse(wanted) }).catch(() => {
      this.#view.sent = NO_VIEW;
    });
  }
}
