/** @import { EntryView, InviteView, JoinGrant, Layout, NodeView, Participant, RecordingView, Role, Room } from "./types.js" */
/** @import { RoomSettings, RoomStatus, SessionView } from "./types.js" */
import { TertuliaError, UnreachableError } from "./errors.js";

/** A request that is not answered within this time fails. */
const TIMEOUT_MS = 15_000;

/** The REST API, called with one credential, or without any. */
export class Rest {
  #base;
  #credential;
  #fetch;

  /**
   * @param {string} base the server's origin, `https://meet.example`
   * @param {string | null} credential an API key, an invite token or a room token
   * @param {typeof fetch} [fetchImpl]
   */
  constructor(base, credential = null, fetchImpl = (input, init) => fetch(input, init)) {
    this.#base = base.replace(/\/$/, "");
    this.#credential = credential;
    this.#fetch = fetchImpl;
  }

  /** @returns {string | null} what requests are authorized by */
  get credential() {
    return this.#credential;
  }

  /**
   * Creates a room.
   *
   * @param {string} hostId
   * @param {Partial<RoomSettings>} [settings]
   * @param {{title?: string, scheduledFor?: string}} [more]
   * @returns {Promise<{roomId: string, joinToken: string, expiresAt: string}>}
   */
  createRoom(hostId, settings = {}, more = {}) {
    return this.request("POST", "/v1/rooms", { hostId, settings, ...more });
  }

  /**
   * Lists the tenant's rooms.
   *
   * @param {object} [query]
   * @param {RoomStatus | ""} [query.status] "": all
   * @param {string | null} [query.cursor] the `next` of the page before
   * @returns {Promise<{items: Room[], next: string | null}>} the newest first
   */
  rooms({ status = "", cursor = null } = {}) {
    const query = new URLSearchParams({ ...(status ? { status } : {}), ...(cursor ? { cursor } : {}) });
    return this.request("GET", query.size ? `/v1/rooms?${query}` : "/v1/rooms");
  }

  /**
   * Changes a room.
   *
   * @param {string} roomId
   * @param {{settings?: Partial<RoomSettings>, title?: string | null, scheduledFor?: string | null}} change
   * @returns {Promise<Room>} as it is now
   */
  changeRoom(roomId, change) {
    return this.request("PATCH", `/v1/rooms/${encodeURIComponent(roomId)}`, change);
  }

  /**
   * Deletes a room, with its recordings.
   *
   * @param {string} roomId
   */
  deleteRoom(roomId) {
    return this.request("DELETE", `/v1/rooms/${encodeURIComponent(roomId)}`);
  }

  /**
   * Ends the room's meeting for everyone.
   *
   * @param {string} roomId
   */
  endRoom(roomId) {
    return this.request("POST", `/v1/rooms/${encodeURIComponent(roomId)}/end`);
  }

  /**
   * Lists who is in the room's meeting.
   *
   * @param {string} roomId
   * @returns {Promise<Participant[]>} in the order in which they joined
   */
  participants(roomId) {
    return this.request("GET", `/v1/rooms/${encodeURIComponent(roomId)}/participants`);
  }

  /**
   * Removes a participant.
   *
   * @param {string} roomId
   * @param {string} userId
   * @param {boolean} [ban] keeps a guest out for good
   */
  removeParticipant(roomId, userId, ban = false) {
    const path = `/v1/rooms/${encodeURIComponent(roomId)}/participants/${encodeURIComponent(userId)}`;
    return this.request("DELETE", ban ? `${path}?ban=true` : path);
  }

  /**
   * Lists the meetings held in a room.
   *
   * @param {string} roomId
   * @returns {Promise<SessionView[]>} the newest first
   */
  sessions(roomId) {
    return this.request("GET", `/v1/rooms/${encodeURIComponent(roomId)}/sessions`);
  }

  /**
   * Lists the SFU nodes, where the server shows them.
   *
   * @returns {Promise<NodeView[]>} by region
   */
  nodes() {
    return this.request("GET", "/v1/nodes");
  }

  /**
   * Gets a room token.
   *
   * @param {string} roomId
   * @param {string} userId
   * @param {string} [displayName]
   * @param {string} [key] makes the same request safe to send again: it gets the same answer
   * @returns {Promise<JoinGrant>}
   */
  join(roomId, userId, displayName, key) {
    return this.request("POST", `/v1/rooms/${encodeURIComponent(roomId)}/join`, { userId, displayName }, key);
  }

  /**
   * Asks whether one may join now, without joining.
   *
   * @param {string} roomId
   * @param {string} [userId] who would join, if the credential does not say it
   * @returns {Promise<EntryView>} as what
   * @throws {TertuliaError} why not
   */
  entry(roomId, userId) {
    const query = userId ? `?userId=${encodeURIComponent(userId)}` : "";
    return this.request("GET", `/v1/rooms/${encodeURIComponent(roomId)}/entry${query}`);
  }

  /**
   * Creates an invite.
   *
   * @param {string} roomId
   * @param {"host" | "attendee"} role
   * @param {object} [more] `password`, `expiresIn`, `event`
   * @returns {Promise<{id: string, inviteToken: string, url: string, expiresAt: string, calendar?: string}>}
   */
  invite(roomId, role, more = {}) {
    return this.request("POST", `/v1/rooms/${encodeURIComponent(roomId)}/invites`, { role, ...more });
  }

  /**
   * Lists the invites of a room.
   *
   * @param {string} roomId
   * @returns {Promise<InviteView[]>} the newest first
   */
  invites(roomId) {
    return this.request("GET", `/v1/rooms/${encodeURIComponent(roomId)}/invites`);
  }

  /**
   * Deletes an invite: nobody else joins by it.
   *
   * @param {string} roomId
   * @param {string} inviteId
   */
  deleteInvite(roomId, inviteId) {
    const path = `/v1/rooms/${encodeURIComponent(roomId)}/invites/${encodeURIComponent(inviteId)}`;
    return this.request("DELETE", path);
  }

  /**
   * Opens the invite whose code is the credential.
   *
   * @param {string} [password]
   * @returns {Promise<{roomId: string, role: Role, inviteToken: string, expiresAt: string}>}
   * @throws {TertuliaError} `password_required`, `wrong_password`, …
   */
  openInvite(password) {
    return this.request("POST", "/v1/invites/open", password === undefined ? {} : { password });
  }

  /**
   * Reads a room.
   *
   * @param {string} roomId
   * @returns {Promise<Room>}
   */
  room(roomId) {
    return this.request("GET", `/v1/rooms/${encodeURIComponent(roomId)}`);
  }

  /**
   * Lists the recordings of a room.
   *
   * @param {string} roomId
   * @returns {Promise<RecordingView[]>} the newest first
   */
  recordings(roomId) {
    return this.request("GET", `/v1/rooms/${encodeURIComponent(roomId)}/recordings`);
  }

  /**
   * Starts recording the room's meeting.
   *
   * @param {string} roomId
   * @returns {Promise<{id: string}>}
   */
  startRecording(roomId) {
    return this.request("POST", `/v1/rooms/${encodeURIComponent(roomId)}/recordings`);
  }

  /**
   * Stops a recording.
   *
   * @param {string} roomId
   * @param {string} recordingId
   */
  stopRecording(roomId, recordingId) {
    return this.request("POST", `${recordingPath(roomId, recordingId)}/stop`);
  }

  /**
   * Deletes a recording, and the files that belong to it.
   *
   * @param {string} roomId
   * @param {string} recordingId
   */
  deleteRecording(roomId, recordingId) {
    return this.request("DELETE", recordingPath(roomId, recordingId));
  }

  /**
   * Has another film made of what was recorded.
   *
   * @param {string} roomId
   * @param {string} recordingId
   * @param {Layout} layout
   * @returns {Promise<{id: string, status: RecordingView["status"]}>}
   */
  compose(roomId, recordingId, layout) {
    return this.request("POST", `${recordingPath(roomId, recordingId)}/compose`, { layout });
  }

  /**
   * Makes a room for two that lasts a minute, to test our connection in.
   *
   * @returns {Promise<{roomId: string, tokens: string[], iceServers: RTCIceServer[], wsUrl: string}>} `tokens`: for who
   *   sends and who receives
   */
  testConnection() {
    return this.request("POST", "/v1/connection-tests");
  }

  /**
   * Whether this caller may create rooms: on an open development server, or by an API key.
   *
   * @returns {Promise<boolean>}
   */
  async mayCreateRooms() {
    try {
      await this.request("GET", "/v1/rooms?limit=1");
      return true;
    } catch (error) {
      if (error instanceof TertuliaError && (error.status === 401 || error.status === 403)) return false;
      throw error;
    }
  }

  /**
   * Sends a request.
   *
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {string} [key] the Idempotency-Key of a POST
   * @returns {Promise<any>} the decoded answer; null if there is none
   * @throws {TertuliaError} the server's error
   * @throws {UnreachableError} no answer
   */
  async request(method, path, body, key) {
    const response = await this.#send(method, path, body, key);
    if (response.ok && response.headers.get("content-length") === "0") return null;
    if (response.status === 204) return null;
    const answer = await response.json().catch(() => null);
    if (response.ok && answer !== null) return answer;
    throw problem(response.status, answer);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @param {string} [key]
   */
  async #send(method, path, body, key) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json, application/problem+json" };
    if (this.#credential) headers.Authorization = `Bearer ${this.#credential}`;
    if (key) headers["Idempotency-Key"] = key;
    if (body) headers["Content-Type"] = "application/json";
    try {
      return await this.#fetch(this.#base + path, {
        method,
        headers,
        body: body ? JSON.stringify(body) : undefined,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch {
      throw new UnreachableError("The server does not answer. Check your connection and try again.");
    }
  }
}

/**
 * @param {string} roomId
 * @param {string} recordingId
 */
function recordingPath(roomId, recordingId) {
  return `/v1/rooms/${encodeURIComponent(roomId)}/recordings/${encodeURIComponent(recordingId)}`;
}

/**
 * @param {number} status
 * @param {any} answer
 */
function problem(status, answer) {
  const code = typeof answer?.code === "string" ? answer.code : `http_${status}`;
  const first = answer?.errors?.[0];
  const message = first?.message ?? answer?.detail ?? answer?.title ?? `The server answered ${status}.`;
  return new TertuliaError(code, message, { status, field: first?.field, reason: answer?.reason });
}
