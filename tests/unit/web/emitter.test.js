import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Emitter } from "../../../python/tertulia/web/static/protocol.js";

test("every listener hears, until it unsubscribes", () => {
  const emitter = new Emitter();
  const heard = [];
  const end = emitter.on("a", (n) => heard.push(`first ${n}`));
  emitter.on("a", (n) => heard.push(`second ${n}`));
  emitter.emit("a", 1);
  end();
  emitter.emit("a", 2);
  emitter.emit("b", 3);
  assert.deepEqual(heard, ["first 1", "second 1", "second 2"]);
});

test("a listener that throws does not keep the others from hearing", () => {
  mock.method(console, "error", () => {});
  const emitter = new Emitter();
  const heard = [];
  emitter.on("a", () => {
    throw new Error("mine");
  });
  emitter.on("a", () => heard.push("other"));
  emitter.emit("a", null);
  assert.deepEqual([heard, console.error.mock.callCount()], [["other"], 1]);
  mock.reset();
});

test("one that another removes meanwhile hears nothing; one that is added hears the next", () => {
  const emitter = new Emitter();
  const heard = [];
  emitter.on("a", () => {
    end();
    emitter.on("a", () => heard.push("added"));
  });
  const end = emitter.on("a", () => heard.push("removed"));
  emitter.emit("a", null);
  assert.deepEqual(heard, []);
  emitter.emit("a", null);
  assert.deepEqual(heard, ["added"]);
});
