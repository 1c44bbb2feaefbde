/** An error of the server: REST's problem details (RFC 9457) and the hub's errors share their codes. */
export class TertuliaError extends Error {
  /**
   * @param {string} code stable, such as `room_full`
   * @param {string} message for people to read
   * @param {{status?: number, field?: string, reason?: string}} [more] the HTTP status; the field of the payload that is
   *   wrong; a word beyond the code
   */
  constructor(code, message, more = {}) {
    super(message);
    this.name = "TertuliaError";
    this.code = code;
    this.status = more.status ?? 0;
    this.field = more.field ?? "";
    this.reason = more.reason ?? "";
  }

  /** Whether a host has denied who waited, and not merely ended the meeting. */
  get isDenial() {
    return this.code === "entry_denied" && this.reason !== "ended";
  }

  /** Whether a token was refused that may be replaced by another one: not to who was removed from the meeting. */
  get isStale() {
    const isOfToken = this.code === "bad_token" || this.code === "unauthorized";
    return isOfToken && this.reason !== "removed";
  }
}

/** No answer came: the network or the server is down. Trying again may help. */
export class UnreachableError extends TertuliaError {
  /** @param {string} message */
  constructor(message) {
    super("unreachable", message);
    this.name = "UnreachableError";
  }
}
