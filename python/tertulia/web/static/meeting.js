/** @import { ChatMessage, JoinGrant, JoinResult, Source, WantedVideo } from "./protocol/types.js" */
/** @import { LocalMedia } from "./media/local.js" */
/** @import { LinkReport, RemoteTrack } from "./media/sources.js" */
/** @import { HubState, EndReason } from "./protocol/hub.js" */

import { SOURCES } from "./media/sources.js";
import { Mesh, SfuLink } from "./media.js";
import { Emitter, Hub, Roster, TertuliaError } from "./protocol.js";

/** Video slots of the first offer, made before it is known how many people are there. */
const FIRST_VIDEO_SLOTS = 6;
/** Slots beyond the tiles: the SFU fills them with screens that someone begins to share. */
const SPARE_SLOTS = 2;
/** The SFU answers at once; without an answer one joins all the same. */
const ANSWER_WAIT_MS = 500;
/** What the SFU is called before it has told its name. */
const SFU = "sfu";
/** Why an offer may find no SFU: the room has none, has none yet, or was not joined. */
const NO_SFU = new Set(["unknown_target", "not_joined", "unreachable"]);
/** How often statistics are read. */
const REPORT_MS = 2000;
/** Seconds that JoinRoom's token, and the TURN credentials that came with it, must still live; else new ones are fetched. */
const TOKEN_MARGIN_S = 90;
/** How often that is looked at. */
const RENEW_MS = 60_000;
/** Audio level from which someone counts as speaking, where no SFU says so (P2P). */
const SPEAKING_LEVEL = 0.02;

/**
 * @typedef {object} MeetingEvents
 * @property {HubState} state
 * @property {null} tracks
 * @property {boolean} media whether media flows: false while a path is looked for
 * @property {string[]} speakers userIds, the loudest first
 * @property {LinkReport} report
 * @property {ChatMessage} chat
 * @property {string} muteRequested by whom
 * @property {boolean} recording
 * @property {{reason: EndReason, error: TertuliaError | null}} end
 */

/**
 * A meeting as one member takes part in it: signaling, media and one's own devices together. No DOM.
 *
 * @extends {Emitter<MeetingEvents>}
 */
export class Meeting extends Emitter {
  #local;
  #fetchGrant;
  #displayName;
  /** @type {Promise<JoinGrant> | null} */
  #grant = null;
  /** @type {SfuLink | Mesh | null} */
  #link = null;
  #transportId = "";
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #reportTimer;
  /** @type {(() => void)[]} ends the subscriptions to what outlives the meeting */
  #unsubscribe = [];
  #handRaised = false;
  #isFirstJoin = true;
  #renewAt = 0;
  #mediaFlows = false;
  #view = "[]";

  /**
   * @param {object} options
   * @param {string} options.roomId
   * @param {string} options.displayName
   * @param {LocalMedia} options.local
   * @param {() => Promise<JoinGrant>} options.grant joins by REST
   */
  constructor({ roomId, displayName, local, grant }) {
    super();
    this.roomId = roomId;
    this.userId = "";
    /** @type {"host" | "attendee"} */
    this.role = "attendee";
    this.isRecording = false;
    this.#local = local;
    this.#displayName = displayName;
    this.#fetchGrant = grant;
    this.hub = new Hub({
      roomId,
      grant: (refused) => this.#currentGrant(refused),
      state: () => ({ isMuted: local.isMuted, isVideoOn: local.isVideoOn }),
    });
    this.roster = new Roster(this.hub);
    this.#listen();
  }

  /**
   * @returns {Promise<JoinResult>}
   * @throws {TertuliaError}
   */
  async join() {
    const { iceServers } = await this.#currentGrant();
    this.#iceServers = iceServers;
    const link = this.#newSfuLink();
    link.prepare();
    const result = await this.hub.join();
    // Who draws the meeting now would keep the answer waiting, and with it the first picture.
    if (result.topology !== "p2p")
      await Promise.race([link.agreed, new Promise((resolve) => setTimeout(resolve, ANSWER_WAIT_MS))]);
    this.#reportTimer = setInterval(() => void this.#report(), REPORT_MS);
    return result;
  }

  leave() {
    this.hub.leave();
  }

  /** @returns {RemoteTrack[]} */
  tracks() {
    return this.#link?.tracks() ?? [];
  }

  /** @returns {Promise<string>} a room token that is still valid, to call REST with */
  async token() {
    return (await this.#currentGrant()).token;
  }

  get handRaised() {
    return this.#handRaised;
  }

  /** @param {boolean} raised */
  async raiseHand(raised) {
    await this.hub.call("RaiseHand", { raised });
    this.#handRaised = raised;
    this.roster.update(this.userId, { handRaised: raised });
  }

  /** @param {string} text */
  sendChat(text) {
    return this.hub.call("SendChat", { text });
  }

  /** @param {string} targetUserId */
  askToMute(targetUserId) {
    return this.hub.call("AskToMute", { targetUserId });
  }

  muteAll() {
    return this.hub.call("MuteAll");
  }

  /** @param {string} targetUserId */
  remove(targetUserId) {
    return this.hub.call("RemoveParticipant", { targetUserId });
  }

  endForAll() {
    return this.hub.call("EndRoom");
  }

  /** @param {WantedVideo[]} videos which tiles are on screen, the most important first */
  setView(videos) {
    const view = JSON.stringify(videos);
    if (!(this.#link instanceof SfuLink) || !this.#mediaFlows || this.hub.state !== "joined" || view === this.#view)
      return;
    this.#view = view;
    this.#link.setVideoSlots(Math.max(FIRST_VIDEO_SLOTS, videos.length + SPARE_SLOTS));
    this.hub.call("SetView", { videos }).catch(() => (this.#view = "[]"));
  }

  #listen() {
    const { hub } = this;
    hub.on("state", (state) => this.emit("state", state));
    hub.on("asked", () => this.#onAsked());
    hub.on("joined", (result) => this.#onJoined(result));
    hub.on("end", (end) => this.#onEnd(end));
    hub.on("SfuEndpoint", ({ transportId }) => this.#onEndpoint(transportId));
    hub.on("ReceiveOffer", ({ sourceUserId, sdp }) => this.#onDescription("offer", sourceUserId, sdp));
    hub.on("ReceiveAnswer", ({ sourceUserId, sdp }) => this.#onDescription("answer", sourceUserId, sdp));
    hub.on("IceCandidate", ({ sourceUserId, candidate }) => this.#onCandidate(sourceUserId, candidate));
    hub.on("Slots", ({ slots }) => this.#link instanceof SfuLink && this.#link.assign(slots));
    hub.on("TransportState", (change) => this.#onTransportState(change));
    hub.on("SfuError", (error) => this.#onSfuError(error));
    hub.on("ActiveSpeakers", ({ userIds }) => this.emit("speakers", userIds));
    hub.on("ChatMessage", (message) => this.emit("chat", message));
    hub.on("MuteRequested", ({ byUserId }) => this.emit("muteRequested", byUserId));
    hub.on("RecordingChanged", ({ isRecording }) => this.#setRecording(isRecording));
    this.roster.on(
      "joined",
      ({ userId }) => this.#link instanceof Mesh && userId !== this.userId && this.#link.expect(userId),
    );
    this.roster.on("left", ({ userId }) => this.#link instanceof Mesh && this.#link.drop(userId));
    this.#unsubscribe = [
      this.#local.on("track", ({ source, track }) => this.#onLocalTrack(source, track)),
      this.#local.on("changed", () => this.#updateState()),
    ];
  }

  /** The first offer goes out behind JoinRoom, without waiting for its answer. */
  #onAsked() {
    if (this.#isFirstJoin && this.#link instanceof SfuLink) this.#openLink(this.#link);
  }

  /** @param {JoinResult} result */
  #onJoined(result) {
    this.userId = result.userId;
    this.role = result.role;
    if (result.topology === "p2p") this.#useMesh(result);
    const { isMuted, isVideoOn } = this.#local;
    this.roster.reset(
      {
        userId: result.userId,
        displayName: this.#displayName,
        role: result.role,
        isMuted,
        isVideoOn,
        joinedAt: this.roster.get(result.userId)?.joinedAt ?? new Date().toISOString(),
        handRaised: this.#handRaised,
      },
      result.participants,
    );
    if (!this.#isFirstJoin) {
      this.#link?.resume(result.missed ?? false);
      this.#restate();
    }
    this.#isFirstJoin = false;
    this.#view = "[]";
  }

  /** @param {JoinResult} result */
  #useMesh(result) {
    if (this.#link instanceof Mesh) return;
    const target = (/** @type {string} */ targetUserId) => ({ targetUserId });
    const mesh = new Mesh(result.userId, this.#iceServers, {
      offer: (userId, sdp) => this.hub.call("SendOffer", { ...target(userId), sdp }),
      answer: (userId, sdp) => this.hub.call("SendAnswer", { ...target(userId), sdp }),
      candidate: (userId, candidate) => this.hub.call("SendIceCandidate", { ...target(userId), candidate }),
    });
    this.#use(mesh);
    for (const { userId } of result.participants) mesh.call(userId);
  }

  #newSfuLink() {
    const link = new SfuLink(this.#iceServers, FIRST_VIDEO_SLOTS);
    this.#use(link);
    return link;
  }

  /** @param {SfuLink | Mesh} link */
  #use(link) {
    this.#link?.close();
    this.#link = link;
    link.on("tracks", () => link === this.#link && this.emit("tracks", null));
    link.on("state", (state) => link === this.#link && this.#onLinkState(state));
    for (const source of SOURCES) {
      const track = this.#local.track(source);
      if (track) link.setTrack(source, track);
    }
    this.emit("tracks", null);
  }

  /** @param {"connecting" | "connected" | "interrupted" | "dead"} state */
  #onLinkState(state) {
    this.emit("media", state !== "interrupted" && state !== "dead");
    this.#mediaFlows = state === "connected";
    if (state === "connected") this.#restate();
    if (state === "dead" && this.hub.state === "joined") this.#openLink(this.#newSfuLink());
  }

  /** @param {string} transportId the first, the same after a return, or another one: another SFU, or another seat */
  #onEndpoint(transportId) {
    const isFirst = this.#transportId === "";
    const isSame = isFirst || transportId === this.#transportId;
    this.#transportId = transportId;
    this.#openLink(isSame && this.#link instanceof SfuLink ? this.#link : this.#newSfuLink());
  }

  /** @param {{transportId: string, state: string}} change the SFU lost this connection: begin anew under the same name */
  #onTransportState({ transportId, state }) {
    if (state === "closed" && transportId === this.#transportId) this.#onLinkState("dead");
  }

  /** @param {{transportId: string, code: string, message: string}} error */
  #onSfuError({ transportId, code, message }) {
    if (transportId !== this.#transportId || !(this.#link instanceof SfuLink)) return;
    console.warn("SFU:", code, message);
    this.#link.refuse(code);
  }

  /** @param {SfuLink} link */
  #openLink(link) {
    const targetUserId = this.#transportId || SFU;
    this.#view = "[]";
    link.open({
      offer: async ({ sdp, tracks }) => {
        try {
          await this.hub.call("SendOffer", { targetUserId, sdp, slots: true, tracks });
        } catch (error) {
          if (targetUserId !== SFU || !(error instanceof TertuliaError) || !NO_SFU.has(error.code)) throw error;
          return false;
        }
        return true;
      },
      answer: (sdp) => this.hub.call("SendAnswer", { targetUserId, sdp }),
      candidate: (candidate) => this.hub.call("SendIceCandidate", { targetUserId, candidate }),
    });
  }

  /**
   * @param {"offer" | "answer"} type
   * @param {string} from
   * @param {string} sdp
   */
  #onDescription(type, from, sdp) {
    const link = this.#link;
    if (link instanceof Mesh) return type === "offer" ? link.receiveOffer(from, sdp) : link.receiveAnswer(from, sdp);
    if (from !== this.#transportId) return;
    if (type === "offer") link?.receiveOffer(sdp);
    else link?.receiveAnswer(sdp);
  }

  /**
   * @param {string} from
   * @param {string | RTCIceCandidateInit} candidate
   */
  #onCandidate(from, candidate) {
    if (this.#link instanceof Mesh) this.#link.receiveCandidate(from, candidate);
    else if (from === this.#transportId) this.#link?.receiveCandidate(candidate);
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  #onLocalTrack(source, track) {
    this.#link?.setTrack(source, track);
    this.#updateState();
  }

  /** A seat that was taken over or returned to has its old state, and an SFU that lost a connection forgets it. */
  #restate() {
    this.#updateState();
    this.raiseHand(this.#handRaised).catch(() => {});
  }

  /** Tells the others what one's microphone and camera are; the same again is not told. */
  #updateState() {
    const { isMuted, isVideoOn } = this.#local;
    this.roster.update(this.userId, { isMuted, isVideoOn });
    if (this.hub.state === "joined") this.hub.call("UpdateState", { isMuted, isVideoOn }).catch(() => {});
  }

  /** Fetches new TURN credentials before the ones at hand expire: a path may be lost at any time. */
  async #renew() {
    if (performance.now() < this.#renewAt) return;
    this.#renewAt = performance.now() + RENEW_MS;
    const grant = await this.#currentGrant().catch(() => null); // the next look tries again
    if (!grant || grant.iceServers === this.#iceServers) return;
    this.#iceServers = grant.iceServers;
    this.#link?.setIceServers(grant.iceServers);
  }

  async #report() {
    void this.#renew();
    const report = await this.#link?.report();
    if (!report) return;
    this.emit("report", report);
    if (!(this.#link instanceof Mesh)) return;
    const loud = [...report.levels].filter(([, level]) => level > SPEAKING_LEVEL).sort((a, b) => b[1] - a[1]);
    this.emit(
      "speakers",
      loud.map(([userId]) => userId),
    );
  }

  /** @param {boolean} isRecording */
  #setRecording(isRecording) {
    if (isRecording === this.isRecording) return;
    this.isRecording = isRecording;
    this.emit("recording", isRecording);
  }

  /** @param {{reason: EndReason, error: TertuliaError | null}} end */
  #onEnd(end) {
    clearInterval(this.#reportTimer);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#link?.close();
    this.#link = null;
    this.emit("end", end);
  }

  /**
   * @param {boolean} [refused] the one at hand is not accepted any more
   * @returns {Promise<JoinGrant>}
   */
  async #currentGrant(refused = false) {
    const known = this.#grant && (await this.#grant.catch(() => null));
    const lives = known && Date.parse(known.expiresAt) / 1000 - TOKEN_MARGIN_S > Date.now() / 1000;
    if (!lives || refused) this.#grant = this.#fetchGrant();
    return /** @type {Promise<JoinGrant>} */ (this.#grant);
  }
}
