// The same signaling on Node.js `ws`: rooms in memory, the same calls, events and answers in the same dialects, nothing else.
import { randomUUID } from "node:crypto";
import { decodeMulti, encode } from "@msgpack/msgpack";
import { WebSocketServer } from "ws";

const RS = "\u001e";
const rooms = new Map();

const dialects = {
  plain: {
    binary: false,
    read: (data) => {
      const { event, payload, id } = JSON.parse(data);
      return [{ event, payload, id }];
    },
    event: (name, payload) => JSON.stringify({ event: name, payload }),
    reply: (id, result) => JSON.stringify({ replyTo: id, result }),
    refuse: (id, code, message) => JSON.stringify({ replyTo: id, error: { code, message } }),
  },
  json: {
    binary: false,
    read: (data) =>
      data
        .toString()
        .split(RS)
        .slice(0, -1)
        .map(JSON.parse)
        .filter((m) => m.type === 1)
        .map((m) => ({ event: m.target, payload: m.arguments[0], id: m.invocationId })),
    event: (target, payload) => JSON.stringify({ type: 1, target, arguments: [payload] }) + RS,
    reply: (invocationId, result) => JSON.stringify({ type: 3, invocationId, result }) + RS,
    refuse: (invocationId, code, message) =>
      JSON.stringify({ type: 3, invocationId, error: `${code}: ${message}` }) + RS,
  },
  messagepack: {
    binary: true,
    read: (data) => {
      const calls = [];
      for (let at = 0; at < data.length; ) {
        let length = 0,
          shift = 0,
          byte;
        do {
          byte = data[at++];
          length |= (byte & 0x7f) << shift;
          shift += 7;
        } while (byte & 0x80);
        for (const m of decodeMulti(data.subarray(at, at + length))) {
          if (m[0] === 1) calls.push({ event: m[3], payload: m[4][0], id: m[2] });
        }
        at += length;
      }
      return calls;
    },
    event: (target, payload) => framed(encode([1, {}, null, target, [payload], []])),
    reply: (id, result) => framed(encode([3, {}, id, 3, result])),
    refuse: (id, code, message) => framed(encode([3, {}, id, 1, `${code}: ${message}`])),
  },
};

function framed(body) {
  const prefix = [];
  let length = body.length;
  do {
    prefix.push(length > 0x7f ? (length & 0x7f) | 0x80 : length);
    length >>= 7;
  } while (length > 0);
  return Buffer.concat([Buffer.from(prefix), body]);
}

function say(room, name, payload) {
  const frames = new Map();
  for (const { socket, dialect } of room.values()) {
    let frame = frames.get(dialect);
    if (frame === undefined) {
      frame = dialect.event(name, payload);
      frames.set(dialect, frame);
    }
    socket.send(frame, { binary: dialect.binary });
  }
}

const isText = (value, shortest, longest) =>
  typeof value === "string" && value.length >= shortest && value.length <= longest && !value.includes("\0");

// 100 calls a second, 500 in a burst.
function admits(me) {
  const now = performance.now();
  me.tokens = Math.min(500, me.tokens + (now - me.at) * 0.1);
  me.at = now;
  if (me.tokens < 1) return false;
  me.tokens -= 1;
  return true;
}

const counted = new Map();
const count = (event, outcome) => {
  const key = `${event} ${outcome}`;
  counted.set(key, (counted.get(key) ?? 0) + 1);
};

const calls = {
  JoinRoom(me, { roomId, token }) {
    const { sub, name } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    let room = rooms.get(roomId);
    if (room === undefined) {
      room = new Map();
      rooms.set(roomId, room);
    }
    me.room = room;
    me.id = sub;
    me.name = name;
    room.set(sub, me);
    return { userId: sub, participants: [] };
  },
  SendChat(me, { text }) {
    if (!isText(text, 1, 4000)) throw { code: "invalid", message: "text" };
    const message = { id: randomUUID(), userId: me.id, displayName: me.name, text, sentAt: new Date().toISOString() };
    say(me.room, "ChatMessage", message);
    return {};
  },
  SendOffer(me, { targetUserId, sdp }) {
    if (!isText(targetUserId, 1, 64) || !isText(sdp, 0, 200000)) throw { code: "invalid", message: "sdp" };
    if (!sdp.startsWith("v=0")) throw { code: "invalid_sdp", message: "an SDP begins with v=0" };
    const target = me.room.get(targetUserId);
    if (target === undefined || target === me) throw { code: "unknown_target", message: "not here" };
    const { socket, dialect } = target;
    socket.send(dialect.event("ReceiveOffer", { sourceUserId: me.id, sdp }), { binary: dialect.binary });
    return {};
  },
  KeepAlive: () => ({}),
};

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket, request) => {
  const me = {
    socket,
    dialect: request.url.startsWith("/hub") ? null : dialects.plain,
    room: null,
    id: null,
    name: null,
    tokens: 500,
    at: performance.now(),
  };
  socket.on("error", () => {});
  socket.on("close", () => me.room?.delete(me.id));
  socket.on("message", (data) => {
    if (me.dialect === null) {
      const { protocol } = JSON.parse(data.toString().slice(0, -1));
      me.dialect = dialects[protocol];
      socket.send(`{}${RS}`, { binary: me.dialect.binary });
      return;
    }
    const { dialect } = me;
    for (const { event, payload, id } of dialect.read(data)) {
      let frame;
      try {
        if (!admits(me)) throw { code: "rate_limited", message: "too many calls" };
        const call = calls[event];
        if (call === undefined) throw { code: "unknown_event", message: event };
        if (me.room === null && event !== "JoinRoom") throw { code: "not_joined", message: "call JoinRoom first" };
        frame = dialect.reply(id, call(me, payload));
        count(event, "ok");
      } catch ({ code, message }) {
        frame = dialect.refuse(id, code, message);
        count(event, code);
      }
      if (id !== undefined && id !== null) socket.send(frame, { binary: dialect.binary });
    }
  });
});
