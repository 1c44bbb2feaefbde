import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ChatLog } from "../../../python/tertulia/web/static/protocol/chat_log.js";
import { FakeHub } from "./fake_hub.js";
import { settle } from "./settle.js";

const message = (id, more = {}) => ({ id, userId: "ana", displayName: "Ana", text: id, sentAt: id, ...more });

describe("what was written", () => {
  let hub;
  let log;
  let heard;
  const ids = () => log.all.map(({ id }) => id);
  const write = (id, more) => hub.emit("ChatMessage", message(id, more));
  const keep = (...messages) => {
    hub.answers.ReadChat = () => ({ messages });
  };

  beforeEach(() => {
    hub = new FakeHub();
    log = new ChatLog(hub);
    heard = [];
    log.on("said", ({ id }) => heard.push(id));
  });

  test("before one came is read, and is no news", async () => {
    keep(message("1"), message("2"));
    let changes = 0;
    log.on("changed", () => changes++);
    hub.emit("joined", {});
    await settle();
    assert.deepEqual([ids(), heard, changes], [["1", "2"], [], 1]);
  });

  test("is there once, in order, whichever way it came", async () => {
    write("3");
    write("2");
    keep(message("1"), message("2"));
    hub.emit("joined", {});
    write("3");
    await settle();
    write("4");
    assert.deepEqual(
      [ids(), heard],
      [
        ["1", "2", "3", "4"],
        ["3", "2", "4"],
      ],
    );
  });

  test("is known by its sender's own id", () => {
    write("1", { clientId: "c1" });
    assert.deepEqual([log.has("c1"), log.has("c2")], [true, false]);
  });

  test("while one was away is read when one is back", async () => {
    write("1");
    keep(message("2"), message("3"));
    hub.emit("joined", { missed: true });
    await settle();
    assert.deepEqual(ids(), ["1", "2", "3"]);
  });

  test("while one was away is news, what one had read before is not", async () => {
    keep(message("1"));
    hub.emit("joined", {});
    await settle();
    write("2");
    keep(message("1"), message("2"), message("3"), message("4"));
    hub.emit("joined", { missed: true });
    write("4");
    await settle();
    assert.deepEqual(heard, ["2", "4", "3"]);
  });

  test("stays where the server keeps nothing, or does not answer", async () => {
    write("1");
    keep();
    hub.emit("joined", {});
    await settle();
    hub.answers.ReadChat = () => {
      throw new Error("away");
    };
    hub.emit("joined", {});
    await settle();
    assert.deepEqual(ids(), ["1"]);
  });

  test("is forgotten when it is too much", () => {
    for (let i = 0; i < 600; i++) write(String(1000 + i));
    assert.equal(ids().length, 500);
    assert.equal(ids()[0], "1100");
  });

  test("has the last reaction of each", () => {
    write("1");
    const react = (userId, emoji) => hub.emit("MessageReaction", { messageId: "1", userId, emoji });
    react("bob", "👍");
    react("ana", "🎉");
    react("bob", "❤️");
    assert.deepEqual(log.get("1").reactions, { ana: "🎉", bob: "❤️" });
    react("bob", null);
    assert.deepEqual(log.get("1").reactions, { ana: "🎉" });
  });

  test("has reactions that came while it was read", async () => {
    keep(message("1", { reactions: { bob: "👍" } }));
    hub.emit("joined", {});
    hub.emit("MessageReaction", { messageId: "1", userId: "bob", emoji: "🎉" });
    await settle();
    assert.deepEqual(log.get("1").reactions, { bob: "🎉" });
  });
});
