/** @import { HubEvents, JoinResult } from "./types.js" */
import { backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { TertuliaError, UnreachableError } from "./errors.js";
import { Socket } from "./socket.js";

/**
 * Close codes after which reconnecting is pointless, and why.
 *
 * @type {Map<number, EndReason>}
 */
const FINAL = new Map([
  [4000, "ended"],
  [4001, "replaced"],
  [4003, "removed"],
]);
/** Errors of JoinRoom that a fresh token does not cure. */
const REFUSED = new Set([
  "room_full",
  "quota_exceeded",
  "room_locked",
  "entry_denied",
  "already_joined",
  "waited_too_long",
  "waiting_room_full",
  "role_not_allowed",
  "forbidden",
  "not_found",
  "invalid",
  "bad_token",
  "unauthorized",
]);
/** Closes a socket without leaving: the seat is kept for a return. */
const GIVEN_UP = 4999;
/** A socket over which nothing comes for so long behind a KeepAlive is dead. */
const KEEP_ALIVE_TIMEOUT_MS = 5000;
/** How often somebody who waits for a host finds out whether the connection lives: a laptop may have slept. */
const WAITING_BEAT_MS = 10_000;

/**
 * @typedef {"ended" | "replaced" | "removed" | "left" | "refused"} EndReason
 *
 * @typedef {{is: "opening"}
 *   | {is: "asking", socket: Socket}
 *   | {is: "waiting", socket: Socket, keepAlive: ReturnType<typeof setInterval>}
 *   | {is: "pausing", wake: () => void}} Attempt An attempt to join: its socket is being opened; JoinRoom was sent; a host
 *   has to answer it; or it failed, and the next one waits (`wake` ends the wait).
 *
 * @typedef {{is: "idle"}
 *   | {is: "joining", attempt: Attempt}
 *   | {is: "joined", socket: Socket, keepAlive: ReturnType<typeof setInterval>}
 *   | {is: "reconnecting", attempt: Attempt}
 *   | {is: "closed"}} State
 * @typedef {State["is"]} HubState
 *
 * @typedef {object} OwnEvents
 * @property {HubState} state
 * @property {null} asked JoinRoom was sent; calls from now on take effect after it
 * @property {JoinResult} joined after every successful JoinRoom, the first one and those that reconnect
 * @property {{reason: EndReason, error: TertuliaError | null}} end the meeting is over for this client
 */

/**
 * @typedef {object} HubOptions
 * @property {string} roomId
 * @property {(refused: boolean) => Promise<{wsUrl: string, token: string}>} grant a room token; a fresh one if the last was refused
 * @property {() => {isMuted: boolean, isVideoOn: boolean, handRaised?: boolean, recordingOptOut?: boolean}} state our
 *   own, for JoinRoom
 * @property {typeof WebSocket} [WebSocket]
 */

/**
 * A member's connection to a room: joins, keeps the seat alive, and reconnects when the network comes back.
 *
 * Emits the server's events by their names, and `OwnEvents`.
 *
 * @extends {Emitter<HubEvents & OwnEvents>}
 */
export class Hub extends Emitter {
  #options;
  /** @type {State} */
  #state = { is: "idle" };
  /** @type {{wsUrl: string, token: string} | null} */
  #grant = null;
  /** A host has to admit us: whatever breaks meanwhile, we ask again. */
  #isWaiting = false;
  /** @type {{resumeToken: string, socket: Socket} | null} the seat, and the connection by which it was taken last */
  #seat = null;

  /** @param {HubOptions} options */
  constructor(options) {
    super();
    this.#options = options;
  }

  /** @returns {HubState} */
  get state() {
    return this.#state.is;
  }

  /**
   * Joins the room.
   *
   * @returns {Promise<JoinResult>}
   * @throws {TertuliaError} refused, or `unreachable`; the hub is closed then
   */
  async join() {
    this.#become({ is: "joining", attempt: { is: "opening" } });
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#attempt();
      } catch (error) {
        const known = this.#refusalOf(error);
        const asksAgain = this.#isWaiting && known instanceof UnreachableError && this.state === "joining";
        if (!asksAgain) {
          this.#finish("refused", known);
          throw known;
        }
      }
      await this.#pause(backoff(attempt));
    }
  }

  /** Whether a host has to admit us. */
  get isWaiting() {
    return this.#isWaiting;
  }

  /** While a host has to admit us: asks anew, over another connection. */
  askAgain() {
    if (this.#isWaiting) this.#socket?.close(GIVEN_UP, "asks again");
  }

  /**
   * Calls a method of the hub.
   *
   * @param {string} event
   * @param {object} [payload]
   * @returns {Promise<any>}
   * @throws {TertuliaError}
   */
  call(event, payload) {
    return this.#socket?.call(event, payload) ?? Promise.reject(new UnreachableError("Not connected."));
  }

  /** Leaves the room for good. */
  leave() {
    const socket = this.#socket;
    this.#finish("left", null);
    socket?.close(1000, "left");
  }

  /** Checks the connection now: the machine woke up, or the network changed. */
  check() {
    const state = this.#state;
    const at = "attempt" in state ? state.attempt : state;
    if (at.is === "joined" || at.is === "waiting") void this.#beat(at.socket);
    else if (at.is === "pausing") at.wake();
  }

  /** @returns {Socket | null} the socket that calls go to */
  get #socket() {
    const state = this.#state;
    const at = "attempt" in state ? state.attempt : state;
    return "socket" in at ? at.socket : null;
  }

  /**
   * @param {boolean} [refused] the token we have was refused
   * @returns {Promise<JoinResult>}
   */
  async #attempt(refused = false) {
    const mayBeStale = this.#grant !== null && !refused;
    if (!this.#grant || refused) this.#grant = await this.#options.grant(refused);
    const socket = await this.#open(this.#grant.wsUrl);
    try {
      return await this.#joinRoom(socket);
    } catch (error) {
      this.#try({ is: "opening" });
      socket.close(GIVEN_UP, "JoinRoom failed");
      if (!mayBeStale || !asError(error).isStale) throw error;
      return this.#attempt(true);
    }
  }

  /** @param {string} url */
  async #open(url) {
    const socket = await Socket.open(url, this.#options.WebSocket ?? WebSocket);
    if (this.#state.is === "closed") {
      socket.close(1000);
      throw new UnreachableError("You left the meeting.");
    }
    this.#try({ is: "asking", socket });
    socket.on("event", ({ event, payload }) => {
      if (event === "Waiting") this.#onWaiting(socket);
      this.emit(event, payload);
    });
    socket.on("closed", ({ code }) => this.#onClosed(socket, code));
    return socket;
  }

  /** @param {Socket} socket */
  async #joinRoom(socket) {
    const payload = {
      roomId: this.#options.roomId,
      token: this.#grant?.token,
      resumeToken: this.#seat?.resumeToken,
      received: this.#seat?.socket.received,
      ...this.#options.state(),
    };
    const answer = socket.call("JoinRoom", payload);
    this.emit("asked", null);
    /** @type {JoinResult} */
    const result = await answer;
    if (this.#state.is === "closed") throw new UnreachableError("You left the meeting.");
    this.#isWaiting = false;
    this.#seat = { resumeToken: result.resumeToken, socket };
    const keepAlive = setInterval(() => void this.#beat(socket), result.keepAliveSeconds * 1000);
    this.#become({ is: "joined", socket, keepAlive });
    this.emit("joined", result);
    return result;
  }

  /** @param {Socket} socket */
  #onWaiting(socket) {
    this.#isWaiting = true;
    const keepAlive = setInterval(() => void this.#beat(socket), WAITING_BEAT_MS);
    this.#try({ is: "waiting", socket, keepAlive });
  }

  /**
   * Sends KeepAlive, and with it how many events have come, so that the hub need not keep those any more. A socket over
   * which nothing comes is dead, whatever the browser believes; if only the answer is late, calls before it take their
   * time. Who waits for a host is answered, too: not_joined.
   *
   * @param {Socket} socket
   */
  async #beat(socket) {
    const { heard } = socket;
    try {
      await socket.call("KeepAlive", { received: socket.received }, KEEP_ALIVE_TIMEOUT_MS);
    } catch (error) {
      if (socket !== this.#socket) return;
      if (error instanceof UnreachableError) {
        if (socket.heard === heard) socket.close(GIVEN_UP, "no answer");
      } else if (!this.#isWaiting && asError(error).code === "not_joined") await this.#rejoin(socket);
    }
  }

  /** @param {Socket} socket still open, but its seat has timed out */
  async #rejoin(socket) {
    this.#become({ is: "reconnecting", attempt: { is: "asking", socket } });
    try {
      await this.#joinRoom(socket);
    } catch {
      socket.close(GIVEN_UP, "rejoin failed");
      if (this.state === "reconnecting") void this.#reconnect();
    }
  }

  /**
   * @param {Socket} socket
   * @param {number} code
   */
  #onClosed(socket, code) {
    if (socket !== this.#socket) return;
    const reason = FINAL.get(code);
    if (reason) this.#finish(reason, null);
    else if (this.#state.is === "joined") void this.#reconnect();
  }

  async #reconnect() {
    this.#become({ is: "reconnecting", attempt: { is: "opening" } });
    for (let attempt = 0; this.state === "reconnecting"; attempt++) {
      try {
        await this.#attempt();
        return;
      } catch (error) {
        const known = this.#refusalOf(error);
        if (REFUSED.has(known.code)) return this.#finish(known.reason === "removed" ? "removed" : "refused", known);
      }
      await this.#pause(backoff(attempt));
    }
  }

  /**
   * Why an attempt failed. Who waits has no seat to be removed from: a host has denied them while their line was down.
   *
   * @param {unknown} error
   */
  #refusalOf(error) {
    const known = asError(error);
    const isDenial = this.#isWaiting && known.reason === "removed";
    return isDenial ? new TertuliaError("entry_denied", known.message) : known;
  }

  /** @param {number} ms */
  #pause(ms) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#try({ is: "opening" });
        resolve(undefined);
      };
      const timer = setTimeout(wake, ms);
      this.#try({ is: "pausing", wake });
    });
  }

  /**
   * @param {EndReason} reason
   * @param {TertuliaError | null} error
   */
  #finish(reason, error) {
    const before = this.#state;
    if (before.is === "closed") return;
    this.#become({ is: "closed" });
    if ("attempt" in before && before.attempt.is === "pausing") before.attempt.wake();
    this.emit("end", { reason, error });
  }

  /** @param {Attempt} attempt how far the attempt has got; no effect once the hub is joined or closed */
  #try(attempt) {
    const state = this.#state;
    if (!("attempt" in state)) return;
    endBeat(state);
    this.#state = { is: state.is, attempt };
  }

  /** @param {State} state */
  #become(state) {
    const before = this.#state;
    endBeat(before);
    this.#state = state;
    if (before.is !== state.is) this.emit("state", state.is);
  }
}

/** @param {State} state which is left */
function endBeat(state) {
  const at = "attempt" in state ? state.attempt : state;
  if ("keepAlive" in at) clearInterval(at.keepAlive);
}

/** @param {unknown} error */
function asError(error) {
  return error instanceof TertuliaError ? error : new TertuliaError("internal", String(error));
}
