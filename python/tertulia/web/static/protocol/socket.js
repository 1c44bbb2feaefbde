/** @import { HubEvents } from "./types.js" */
import { Emitter } from "./emitter.js";
import { TertuliaError, UnreachableError } from "./errors.js";

/** A call that is not answered within this time fails. */
const CALL_TIMEOUT_MS = 10_000;
/** A WebSocket that does not open within this time fails. */
const OPEN_TIMEOUT_MS = 10_000;

/**
 * A call that waits for its answer.
 *
 * @typedef {object} Pending
 * @property {string} event
 * @property {(result: any) => void} resolve
 * @property {(error: Error) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */

/**
 * @typedef {object} SocketEvents
 * @property {{event: keyof HubEvents, payload: any}} event
 * @property {{code: number, reason: string}} closed emitted once, whatever the reason
 */

/**
 * One WebSocket in the plain dialect: calls with their answers, and events. It knows nothing about rooms and does not
 * reconnect.
 *
 * @extends {Emitter<SocketEvents>}
 */
export class Socket extends Emitter {
  #ws;
  #nextId = 1;
  #closed = false;
  #received = 0;
  #heard = 0;
  /** @type {Map<number, Pending>} */
  #pending = new Map();

  /** @param {WebSocket} ws already open */
  constructor(ws) {
    super();
    this.#ws = ws;
    ws.onmessage = ({ data }) => this.#receive(data);
    ws.onclose = ({ code, reason }) => this.#end(code, reason);
  }

  /**
   * Opens a WebSocket.
   *
   * @param {string} url
   * @param {typeof WebSocket} WebSocketImpl
   * @returns {Promise<Socket>}
   * @throws {UnreachableError}
   */
  static open(url, WebSocketImpl) {
    return new Promise((resolve, reject) => {
      const ws = new WebSocketImpl(url);
      const fail = () => {
        clearTimeout(timer);
        ws.onopen = ws.onclose = null;
        ws.close();
        reject(new UnreachableError("The meeting server does not answer."));
      };
      const timer = setTimeout(fail, OPEN_TIMEOUT_MS);
      ws.onclose = fail;
      ws.onopen = () => {
        clearTimeout(timer);
        resolve(new Socket(ws));
      };
    });
  }

  /** @returns {number} how many events have come since the last result of JoinRoom, as the hub counts them */
  get received() {
    return this.#received;
  }

  /** @returns {number} how many messages of any kind have come */
  get heard() {
    return this.#heard;
  }

  /** Whether calls can be sent. */
  get isOpen() {
    return !this.#closed && this.#ws.readyState === 1;
  }

  /**
   * Calls a method of the hub.
   *
   * @param {string} event
   * @param {object} [payload]
   * @param {number} [timeout] milliseconds
   * @returns {Promise<any>} the result
   * @throws {TertuliaError} the hub's error, or `unreachable`
   */
  call(event, payload, timeout = CALL_TIMEOUT_MS) {
    if (!this.isOpen) return Promise.reject(new UnreachableError("Not connected."));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new UnreachableError(`${event} was not answered.`));
      }, timeout);
      this.#pending.set(id, { event, resolve, reject, timer });
      this.#ws.send(JSON.stringify({ event, payload, id }));
    });
  }

  /**
   * Closes the WebSocket without waiting for the other side's close frame, which never comes over a dead network.
   *
   * @param {number} code
   * @param {string} [reason]
   */
  close(code, reason = "") {
    if (this.#closed) return;
    this.#ws.close(code, reason);
    this.#end(code, reason);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #end(code, reason) {
    if (this.#closed) return;
    this.#closed = true;
    this.#ws.onmessage = this.#ws.onclose = null;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new UnreachableError("The connection was lost."));
    }
    this.#pending.clear();
    this.emit("closed", { code, reason });
  }

  /** JoinRoom is answered when a host has decided: that takes as long as it takes. */
  #waitForHost() {
    for (const { event, timer } of this.#pending.values()) if (event === "JoinRoom") clearTimeout(timer);
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#heard++;
    const message = typeof data === "string" ? JSON.parse(data) : {};
    if ("event" in message) {
      this.#received++;
      if (message.event === "Waiting") this.#waitForHost();
      return this.emit("event", { event: message.event, payload: message.payload ?? {} });
    }
    const pending = this.#pending.get(message.replyTo);
    if (!pending) return;
    this.#pending.delete(message.replyTo);
    clearTimeout(pending.timer);
    const { error } = message;
    if (error) return pending.reject(new TertuliaError(error.code, error.message, error));
    if (pending.event === "JoinRoom") this.#received = 0;
    pending.resolve(message.result);
  }
}
