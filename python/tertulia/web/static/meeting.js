/** @import { Link, LinkReport, LinkState, RemoteTrack } from "./media/link.js" */
/** @import { LocalMedia } from "./media/local.js" */
/** @import { TertuliaError } from "./protocol.js" */
/** @import { EndReason, HubState } from "./protocol/hub.js" */
/** @import { JoinGrant, JoinResult, Role, Source, Topology, VideoLimit, WantedVideo } from "./protocol/types.js" */
import { createLink } from "./media/link.js";
import { ChatLog, Control, Credentials, Emitter, Hub, Recording, Roster } from "./protocol.js";

/** The SFU answers an offer at once; after this time the meeting is shown without an answer. */
const ANSWER_WAIT_MS = 500;
/** How often statistics are read. */
const REPORT_MS = 2000;
/** How often we look whether the TURN credentials have to be renewed. */
const RENEW_MS = 60_000;
/** What most rooms have. The first offer goes out before JoinRoom's answer says whether this one does. */
const USUAL_TOPOLOGY = "sfu";

/**
 * @typedef {object} MeetingEvents
 * @property {HubState} state
 * @property {null} tracks
 * @property {LinkState} media
 * @property {string[]} speakers userIds, the loudest first
 * @property {string[]} paused the videos that do not fit through our line, each as `userId/source`
 * @property {LinkReport} report
 * @property {VideoLimit[]} limited the videos of which less than wanted fits
 * @property {{userId: string, emoji: string}} reaction to what happens right now
 * @property {string} muteRequested by whom
 * @property {"room" | "tenant"} mediaLimited more is sent than the room, or all rooms of its tenant together, may
 * @property {null} waiting a host has to admit us
 * @property {Role} role ours is another one now
 * @property {{reason: EndReason, error: TertuliaError | null}} end
 */

/**
 * A meeting as one member takes part in it: signaling, media and our own devices together. No DOM.
 *
 * @extends {Emitter<MeetingEvents>}
 */
export class Meeting extends Emitter {
  /** Whether the room muted us as we came. */
  wasMutedOnEntry = false;
  #local;
  #credentials;
  #displayName;
  /** @type {string | null} the name that we have given ourselves since we joined */
  #newName = null;
  #waits;
  /** @type {{topology: Topology, link: Link | null} | null} null: not joined yet, or over; no link: it is being loaded */
  #media = null;
  /** @type {RTCIceServer[] | null} null: not known yet */
  #iceServers = null;
  /** @type {(() => void)[]} ends the timers and subscriptions that must not outlive the meeting */
  #cleanup = [];

  /**
   * @param {object} options
   * @param {string} options.roomId
   * @param {string} options.displayName
   * @param {LocalMedia} options.local
   * @param {() => Promise<JoinGrant>} options.grant joins by REST
   * @param {boolean} [options.waits] a host will have to admit us
   * @param {typeof globalThis.WebSocket} [options.WebSocket]
   */
  constructor({ roomId, displayName, local, grant, waits = false, WebSocket }) {
    super();
    this.roomId = roomId;
    this.userId = "";
    /** @type {Role} */
    this.role = "attendee";
    this.#local = local;
    this.#displayName = displayName;
    this.#waits = waits;
    this.#credentials = new Credentials(grant);
    this.hub = new Hub({
      roomId,
      grant: (refused) => this.#credentials.current(refused),
      state: () => {
        const { handRaised, recordingOptOut } = this;
        return { isMuted: local.isMuted, isVideoOn: local.isVideoOn, handRaised, recordingOptOut };
      },
      WebSocket,
    });
    this.roster = new Roster(this.hub);
    this.recording = new Recording(this.hub);
    this.control = new Control(this.hub, this.roster);
    this.chat = new ChatLog(this.hub);
    this.#listen();
  }

  /**
   * @returns {Promise<JoinResult>}
   * @throws {TertuliaError}
   */
  async join() {
    // An offer that waits for a host would be old when it is read.
    if (!this.#waits) this.#use(USUAL_TOPOLOGY);
    try {
      this.#takeIceServers(await this.#credentials.current());
    } catch (error) {
      this.#close();
      throw error;
    }
    const result = await this.hub.join();
    // Drawing the meeting now would delay the SFU's answer, and with it the first picture.
    await Promise.race([this.#media?.link?.agreed, new Promise((resolve) => setTimeout(resolve, ANSWER_WAIT_MS))]);
    return result;
  }

  leave() {
    this.hub.leave();
  }

  /** @returns {RemoteTrack[]} */
  tracks() {
    return this.#media?.link?.tracks() ?? [];
  }

  /** @returns {Set<string>} the userIds of the members whose screen is shared */
  get sharers() {
    const screens = this.tracks().filter(({ source, userId }) => source === "screen" && this.roster.get(userId ?? ""));
    return new Set([...screens.map(({ userId }) => userId ?? ""), ...(this.#local.isSharing ? [this.userId] : [])]);
  }

  /** @returns {Promise<string>} a valid room token, for calls of REST */
  async token() {
    return (await this.#credentials.current()).token;
  }

  /**
   * Whether we may do something.
   *
   * @param {import("./protocol/types.js").Right} right
   */
  may(right) {
    return this.control.may(this.userId, right);
  }

  get handRaised() {
    return this.roster.get(this.userId)?.handRaised ?? false;
  }

  /** @param {boolean} raised */
  async raiseHand(raised) {
    await this.hub.call("RaiseHand", { raised });
    this.roster.update(this.userId, { handRaised: raised });
  }

  /** @returns {string} our own name in this meeting */
  get displayName() {
    return this.#displayName;
  }

  /** @param {string} displayName our own name from now on */
  async rename(displayName) {
    await this.hub.call("SetDisplayName", { displayName });
    this.#newName = this.#displayName = displayName;
    this.roster.update(this.userId, { displayName });
  }

  /** @returns {boolean} whether we do not want to be recorded */
  get recordingOptOut() {
    return this.roster.get(this.userId)?.recordingOptOut ?? false;
  }

  /** @param {boolean} optOut whether what we send is left out of recordings, from now on */
  async setRecordingOptOut(optOut) {
    await this.hub.call("SetRecordingOptOut", { optOut });
    this.roster.update(this.userId, { recordingOptOut: optOut });
  }

  /** @returns {Topology | null} null: not joined yet, or over */
  get topology() {
    return this.#media?.topology ?? null;
  }

  /** @returns {Promise<import("./media/details.js").Details>} every stream, how packets go, and what the line limits */
  async details() {
    return (await this.#media?.link?.details()) ?? { streams: [], paths: [], limits: [] };
  }

  /**
   * @param {string} text
   * @param {string} clientId our own id of the message
   * @param {string} [targetUserId] to whom alone; "" for everyone
   */
  sendChat(text, clientId, targetUserId = "") {
    return this.hub.call("SendChat", { text, clientId, targetUserId: targetUserId || undefined });
  }

  /**
   * @param {string} messageId
   * @param {string | null} emoji null takes our reaction back
   */
  reactTo(messageId, emoji) {
    return this.hub.call("ReactToMessage", { messageId, emoji });
  }

  /** @param {string} emoji for everyone to see, for a moment */
  react(emoji) {
    return this.hub.call("SendReaction", { emoji });
  }

  /** @param {string} targetUserId */
  askToMute(targetUserId) {
    return this.hub.call("AskToMute", { targetUserId });
  }

  muteAll() {
    return this.hub.call("MuteAll");
  }

  /**
   * @param {string} targetUserId
   * @param {boolean} [ban] keeps a guest out for good
   */
  remove(targetUserId, ban) {
    return this.hub.call("RemoveParticipant", { targetUserId, ban });
  }

  endForAll() {
    return this.hub.call("EndRoom");
  }

  /** @param {WantedVideo[]} videos which videos are on screen, the most important first */
  setView(videos) {
    this.#media?.link?.setView(videos);
  }

  #listen() {
    const { hub } = this;
    hub.on("state", (state) => this.emit("state", state));
    hub.on("joined", (result) => this.#onJoined(result));
    hub.on("end", (end) => this.#onEnd(end));
    hub.on("Waiting", () => this.#onWaiting());
    hub.on("ParticipantChanged", (change) => this.#onChanged(change));
    this.control.on("settings", () => this.#obey());
    hub.on("Reaction", (reaction) => this.emit("reaction", reaction));
    hub.on("MediaLimited", ({ limit }) => this.emit("mediaLimited", limit));
    hub.on("MuteRequested", ({ byUserId }) => this.emit("muteRequested", byUserId));
    for (const event of /** @type {const} */ (["joined", "left"])) this.roster.on(event, () => this.#fit());
    this.#cleanup = [
      this.#local.on("track", ({ source, track }) => this.#onLocalTrack(source, track)),
      this.#local.on("changed", () => this.#onLocalChanged()),
    ];
  }

  /** @param {JoinResult} result */
  #onJoined(result) {
    const isFirst = this.userId === "";
    const wasHeard = !this.#local.isMuted;
    this.userId = result.userId;
    this.role = result.role;
    this.#displayName = result.displayName ?? this.#displayName;
    this.#resetRoster(result);
    this.control.reset(result);
    this.#use(result.topology ?? USUAL_TOPOLOGY);
    if (isFirst) this.#start();
    else this.#restate();
    // The seat has timed out meanwhile, and we sit down by the name in our token again.
    if (this.#newName !== null && this.#newName !== this.#displayName) this.rename(this.#newName).catch(() => {});
    if (isFirst) this.#enter(wasHeard, result.isMuted ?? false);
    this.#obey();
  }

  /**
   * Mutes whom the room lets in muted: also a microphone for which the browser still asks the person.
   *
   * @param {boolean} wasHeard whether our microphone was on
   * @param {boolean} isMuted what the room has made of that
   */
  #enter(wasHeard, isMuted) {
    const isQuiet = (this.role === "attendee" && this.control.settings.muteOnEntry) || !this.may("unmute");
    this.wasMutedOnEntry = wasHeard && (isQuiet || isMuted);
    if (isQuiet || this.wasMutedOnEntry) void this.#local.setMuted(true);
  }

  #onWaiting() {
    const hasOffered = this.#media !== null && this.userId === "";
    if (hasOffered) {
      this.#media?.link?.close();
      this.#media = null;
      this.#waits = true;
      this.hub.askAgain();
    } else this.emit("waiting", null);
  }

  /** @param {{userId: string, role: Role}} change */
  #onChanged({ userId, role }) {
    if (userId !== this.userId) return;
    this.role = role;
    this.emit("role", role);
    this.#obey();
  }

  /** Stops what we may not do any more: the server does not pass it on. */
  #obey() {
    if (this.userId === "") return;
    if (!this.may("unmute") && !this.#local.isMuted) void this.#local.setMuted(true);
    if (!this.may("video") && this.#local.isVideoOn) void this.#local.setCamera(false);
    if (!this.may("share") && this.#local.isSharing) this.#local.stopScreen();
  }

  /** @param {JoinResult} result */
  #resetRoster({ userId, role, participants, handRaised = false, isSpotlit = false, permissions = {} }) {
    const { isMuted, isVideoOn } = this.#local;
    const joinedAt = this.roster.get(userId)?.joinedAt ?? new Date().toISOString();
    const self = {
      userId,
      displayName: this.#displayName,
      role,
      isMuted,
      isVideoOn,
      joinedAt,
      handRaised,
      recordingOptOut: this.recordingOptOut,
      isSpotlit,
      permissions,
    };
    this.roster.reset(self, participants);
  }

  /** What runs from the first JoinRoom to the end. */
  #start() {
    const report = setInterval(() => void this.#report(), REPORT_MS);
    const renew = setInterval(() => void this.#renew(), RENEW_MS);
    this.#cleanup.push(
      () => clearInterval(report),
      () => clearInterval(renew),
    );
  }

  /** @param {Topology} topology */
  #use(topology) {
    if (this.#media?.topology === topology) return;
    this.#media?.link?.close();
    /** @type {{topology: Topology, link: Link | null}} */
    const media = { topology, link: null };
    this.#media = media;
    const options = () => {
      const { hub, roster, userId } = this;
      return { hub, roster, userId, iceServers: this.#iceServers, tracks: this.#local.tracks() };
    };
    const link = createLink(topology, options, () => this.#media === media);
    if (!(link instanceof Promise)) return this.#begin(media, link);
    this.#fit();
    void link.then((loaded) => loaded && this.#begin(media, loaded));
  }

  /**
   * @param {{topology: Topology, link: Link | null}} media
   * @param {Link} link that carries it from now on
   */
  #begin(media, link) {
    media.link = link;
    link.on("tracks", () => this.emit("tracks", null));
    link.on("speakers", (userIds) => this.emit("speakers", userIds));
    link.on("paused", (videos) => this.emit("paused", videos));
    link.on("limited", (limits) => this.emit("limited", limits));
    link.on("state", (state) => this.#onLinkState(state));
    this.emit("tracks", null);
    this.#fit();
  }

  /** The camera films in a size that suits the meeting. */
  #fit() {
    const crowd = { people: this.roster.all.length, isMesh: this.topology === "p2p" };
    // A camera that does not obey films on as it is.
    this.#local.fit(crowd).catch((error) => console.warn(error));
  }

  /** @param {LinkState} state */
  #onLinkState(state) {
    this.emit("media", state);
    if (state === "connected") this.#restate();
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  #onLocalTrack(source, track) {
    this.#media?.link?.setTrack(source, track);
    this.#onLocalChanged();
  }

  /** What was opened while it was forbidden is not sent either. */
  #onLocalChanged() {
    this.#obey();
    this.#updateState();
  }

  /** Says again what a seat that was taken over, or an SFU that lost our connection, does not know. */
  #restate() {
    this.#updateState();
    if (this.recordingOptOut) this.setRecordingOptOut(true).catch(() => {});
  }

  /** Tells the others about our microphone and camera. */
  #updateState() {
    const { isMuted, isVideoOn } = this.#local;
    this.roster.update(this.userId, { isMuted, isVideoOn });
    if (this.hub.state === "joined") this.hub.call("UpdateState", { isMuted, isVideoOn }).catch(() => {});
  }

  /** Keeps the TURN credentials fresh: a new path may be needed at any time. */
  async #renew() {
    const grant = await this.#credentials.current().catch(() => null); // the next look tries again
    if (grant) this.#takeIceServers(grant);
  }

  /** @param {JoinGrant} grant */
  #takeIceServers({ iceServers }) {
    if (iceServers === this.#iceServers) return;
    this.#iceServers = iceServers;
    this.#media?.link?.setIceServers(iceServers);
  }

  async #report() {
    const report = await this.#media?.link?.report();
    if (report) this.emit("report", report);
  }

  /** @param {{reason: EndReason, error: TertuliaError | null}} end */
  #onEnd(end) {
    this.#close();
    this.emit("end", end);
  }

  #close() {
    for (const end of this.#cleanup) end();
    this.#media?.link?.close();
    this.#media = null;
  }
}
