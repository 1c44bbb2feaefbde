import assert from "node:assert/strict";
import { afterEach, beforeEach, mock } from "node:test";

/** Fails each test of the file during which a listener threw: an Emitter only logs that. To be called after other hooks. */
export function failOnThrowingListeners() {
  /** @type {Error[]} */
  let thrown = [];
  beforeEach(() => {
    thrown = [];
    mock.method(console, "error", (first) => first instanceof Error && thrown.push(first));
  });
  afterEach(() => assert.deepEqual(thrown, []));
}
