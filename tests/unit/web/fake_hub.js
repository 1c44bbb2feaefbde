import { Emitter } from "../../../python/tertulia/web/static/protocol.js";

/** A hub whose server is the test: it remembers the calls and answers them by `answers`. */
export class FakeHub extends Emitter {
  state = "joined";
  calls = [];
  /** @type {Record<string, (payload: any) => any>} what is thrown is the error */
  answers = {};

  async call(event, payload) {
    this.calls.push({ event, ...payload });
    return this.answers[event]?.(payload) ?? {};
  }

  /** The payloads of the calls of one method. */
  called(event) {
    return this.calls.filter((call) => call.event === event);
  }
}
