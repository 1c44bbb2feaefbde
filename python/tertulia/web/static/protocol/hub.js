/** @import { HubEvents, JoinResult } from "./types.js" */
import { backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { TertuliaError, UnreachableError } from "./errors.js";
import { Socket } from "./socket.js";
import { claimsOf } from "./tokens.js";

/** The server's close codes after which coming back is pointless, and what they mean. */
const FINAL = new Map([
  [4000, "ended"],
  [4001, "replaced"],
  [4003, "removed"],
]);
/** Errors of JoinRoom that another try with a fresh token cannot mend. */
const REFUSED = new Set([
  "room_full",
  "role_not_allowed",
  "forbidden",
  "not_found",
  "invalid",
  "bad_token",
  "unauthorized",
]);
/** Not a close that leaves: JoinRoom may have returned to the seat. */
const GIVEN_UP = 4999;

/**
 * @typedef {"ended" | "replaced" | "removed" | "left" | "refused"} EndReason
 * @typedef {"idle" | "joining" | "joined" | "reconnecting" | "closed"} HubState
 *
 * @typedef {object} OwnEvents
 * @property {HubState} state
 * @property {null} asked JoinRoom is on its way: what is called from now on takes effect after it
 * @property {JoinResult} joined after every successful JoinRoom, the first and those of reconnects
 * @property {{reason: EndReason, error: TertuliaError | null}} end the meeting is over for this client
 */

/**
 * @typedef {object} HubOptions
 * @property {string} roomId
 * @property {(refused: boolean) => Promise<{wsUrl: string, token: string}>} grant a room token; a fresh one if the last was refused
 * @property {() => {isMuted: boolean, isVideoOn: boolean}} state one's own, for JoinRoom
 * @property {typeof WebSocket} [WebSocket]
 */

/**
 * A member's connection to a room: joins, keeps the seat alive, comes back to it when the network was away.
 *
 * Emits every event of the server by its name, and the events of `OwnEvents`.
 *
 * @extends {Emitter<HubEvents & OwnEvents>}
 */
export class Hub extends Emitter {
  #options;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {HubState} */
  #state = "idle";
  /** @type {{wsUrl: string, token: string} | null} */
  #grant = null;
  /** @type {string | undefined} */
  #resumeToken;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #keepAlive;
  /** @type {(() => void) | null} ends the pause between two attempts */
  #wake = null;

  /** @param {HubOptions} options */
  constructor(options) {
    super();
    this.#options = options;
  }

  /** @returns {HubState} */
  get state() {
    return this.#state;
  }

  /**
   * Joins the room.
   *
   * @returns {Promise<JoinResult>}
   * @throws {TertuliaError} refused, or `unreachable`; the hub is closed then
   */
  async join() {
    this.#setState("joining");
    try {
      return await this.#attempt();
    } catch (error) {
      this.#finish("refused", asError(error));
      throw error;
    }
  }

  /**
   * Calls the hub.
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

  /** Checks the connection now; for when the machine woke up or the network changed. */
  check() {
    if (this.#wake) this.#wake();
    else if (this.#state === "joined") void this.#beat();
  }

  /**
   * @param {boolean} [refused] the token at hand was refused
   * @returns {Promise<JoinResult>}
   */
  async #attempt(refused = false) {
    const mayBeStale = this.#grant !== null && !refused;
    if (!this.#grant || refused) this.#grant = await this.#options.grant(refused);
    const socket = await Socket.open(this.#grant.wsUrl, this.#options.WebSocket ?? WebSocket);
    if (this.#state === "closed") {
      socket.close(1000);
      throw new UnreachableError("The meeting was left.");
    }
    this.#socket = socket;
    socket.on("event", ({ event, payload }) => this.emit(event, payload));
    socket.on("closed", ({ code }) => this.#lost(socket, code));
    try {
      return await this.#joinRoom(socket);
    } catch (error) {
      this.#socket = null;
      socket.close(GIVEN_UP, "JoinRoom failed");
      // One that has not expired is void: who was removed does not come back by itself.
      if (!(error instanceof TertuliaError) || error.code !== "bad_token" || !mayBeStale || !this.#hasExpired())
        throw error;
      return this.#attempt(true);
    }
  }

  #hasExpired() {
    const exp = claimsOf(this.#grant?.token ?? "")?.exp;
    return exp === undefined || exp * 1000 <= Date.now();
  }

  /** @param {Socket} socket */
  async #joinRoom(socket) {
    const payload = {
      roomId: this.#options.roomId,
      token: this.#grant?.token,
      resumeToken: this.#resumeToken,
      ...this.#options.state(),
    };
    const answer = socket.call("JoinRoom", payload);
    this.emit("asked", null);
    /** @type {JoinResult} */
    const result = await answer;
    this.#resumeToken = result.resumeToken;
    clearInterval(this.#keepAlive);
    this.#keepAlive = setInterval(() => void this.#beat(), result.keepAliveSeconds * 1000);
    this.#setState("joined");
    this.emit("joined", result);
    return result;
  }

  /** KeepAlive; a socket that does not answer in time is dead, whatever the browser believes. */
  async #beat() {
    const socket = this.#socket;
    if (!socket) return;
    try {
      await socket.call("KeepAlive", undefined, 5000);
    } catch (error) {
      if (socket !== this.#socket) return;
      if (error instanceof TertuliaError && error.code === "not_joined") await this.#rejoin(socket);
      else if (error instanceof UnreachableError) socket.close(GIVEN_UP, "no answer");
    }
  }

  /** @param {Socket} socket whose seat timed out while it lived */
  async #rejoin(socket) {
    try {
      await this.#joinRoom(socket);
    } catch {
      socket.close(GIVEN_UP, "rejoin failed");
    }
  }

  /**
   * @param {Socket} socket
   * @param {number} code
   */
  #lost(socket, code) {
    if (socket !== this.#socket || this.#state === "closed") return;
    this.#socket = null;
    clearInterval(this.#keepAlive);
    const reason = FINAL.get(code);
    if (reason) return this.#finish(/** @type {EndReason} */ (reason), null);
    if (this.#state === "joined") void this.#reconnect();
  }

  async #reconnect() {
    this.#setState("reconnecting");
    for (let attempt = 0; this.#state === "reconnecting"; attempt++) {
      try {
        await this.#attempt();
        return;
      } catch (error) {
        const known = asError(error);
        if (REFUSED.has(known.code)) return this.#finish("refused", known);
      }
      await this.#pause(backoff(attempt));
    }
  }

  /** @param {number} ms */
  #pause(ms) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve(undefined);
      };
      const timer = setTimeout(wake, ms);
      this.#wake = wake;
    });
  }

  /**
   * @param {EndReason} reason
   * @param {TertuliaError | null} error
   */
  #finish(reason, error) {
    if (this.#state === "closed") return;
    clearInterval(this.#keepAlive);
    this.#setState("closed");
    this.#wake?.();
    this.#socket = null;
    this.emit("end", { reason, error });
  }

  /** @param {HubState} state */
  #setState(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.emit("state", state);
  }
}

/** @param {unknown} error */
function asError(error) {
  return error instanceof TertuliaError ? error : new TertuliaError("internal", String(error));
}
