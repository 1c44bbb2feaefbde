/**
 * Tertulia's client protocol: REST and the plain WebSocket dialect of the hub (docs/protocol.md). No DOM: it runs in
 * browsers, workers and Node, and can be used as a client library.
 *
 * @module
 */

export { ChatLog } from "./protocol/chat_log.js";
export { Control } from "./protocol/control.js";
export { Credentials } from "./protocol/credentials.js";
export { Emitter } from "./protocol/emitter.js";
export { TertuliaError, UnreachableError } from "./protocol/errors.js";
export { Hub } from "./protocol/hub.js";
export { Library } from "./protocol/library.js";
export { Recording } from "./protocol/recording.js";
export { Rest } from "./protocol/rest.js";
export { Roster } from "./protocol/roster.js";
export { claimsOf, newUuid } from "./protocol/tokens.js";
