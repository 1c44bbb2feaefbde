// One scenario with the unmodified npm client; prints its result as JSON. Asked for by the one argument, also JSON.
import * as signalR from "@microsoft/signalr";
import { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";

const asked = JSON.parse(process.argv[2]);
const logged = [];

function build(options = {}, tweak = (builder) => builder) {
  const builder = new signalR.HubConnectionBuilder()
    .withUrl(asked.url, { transport: signalR.HttpTransportType[asked.transport], ...options })
    .configureLogging({
      log: (level, text) => {
        logged.push(text);
        if (asked.verbose) console.error(level, text);
      },
    });
  if (asked.protocol === "messagepack") builder.withHubProtocol(new MessagePackHubProtocol());
  return tweak(builder).build();
}

const outcome = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ error: error?.message ?? String(error) }),
  );

function collected(stream) {
  return new Promise((resolve) => {
    const items = [];
    stream.subscribe({
      next: (item) => items.push(item),
      complete: () => resolve({ items }),
      error: (error) => resolve({ items, error: error.message }),
    });
  });
}

const closed = (connection) => new Promise((resolve) => connection.onclose((error) => resolve(error?.message ?? null)));
const until = (condition) =>
  new Promise((resolve) => {
    const look = () => (condition() ? resolve() : setTimeout(look, 10));
    look();
  });

const scenarios = {
  async calls() {
    const connection = build();
    await connection.start();
    const value = { text: 'é\u001e\n"', list: [1, 2.5, null, true], nested: { a: { b: [] } } };
    const result = {
      connectionId: connection.connectionId,
      who: await connection.invoke("Who"),
      echo: await connection.invoke("echo", value),
      same: null,
      add: await connection.invoke("ADD", 40, 2),
      nothing: (await connection.invoke("Nothing")) ?? null,
      refuse: await outcome(connection.invoke("Refuse", "room_full: The room is full.")),
      crash: await outcome(connection.invoke("Crash")),
      unencodable: await outcome(connection.invoke("Unencodable")),
      unknown: await outcome(connection.invoke("Missing", 1)),
      tooFew: await outcome(connection.invoke("Add", 1)),
      wrongType: await outcome(connection.invoke("Add", "a", 2)),
      notAStream: await outcome(connection.invoke("Count", 1, 0)),
      aStream: await collected(connection.stream("Add", 1, 2)),
      noStreamWanted: await outcome(connection.invoke("Nothing", new signalR.Subject())),
      stillThere: await connection.invoke("Add", 1, 1),
    };
    result.same = JSON.stringify(result.echo) === JSON.stringify(value);
    await connection.stop();
    return result;
  },

  async order() {
    const connection = build();
    const numbers = [];
    connection.on("Numbered", (number) => {
      numbers.push(number);
    });
    await connection.start();
    const slow = connection.invoke("Slow", 0.2, "slow");
    const fast = connection.invoke("Echo", "fast");
    const first = await Promise.race([slow, fast]);
    await connection.send("Events", 200);
    await until(() => numbers.length >= 200);
    await connection.stop();
    return { numbers, first };
  },

  async streams() {
    const connection = build();
    await connection.start();
    const down = await collected(connection.stream("Count", 5, 0.001));
    const broken = await collected(connection.stream("Count_And_Break", 2, "that is all"));
    const crashed = await collected(connection.stream("Count_And_Break", 1, ""));
    const got = [];
    await new Promise((resolve) => {
      const subscription = connection.stream("Count", 1000000, 0.001).subscribe({
        next: (item) => {
          got.push(item);
          if (got.length === 3) {
            subscription.dispose();
            resolve();
          }
        },
        complete: () => {},
        error: () => {},
      });
    });
    const cancelled = await connection.invoke("Cancelled_Streams");
    const up = new signalR.Subject();
    const total = connection.invoke("Total", 100, up);
    for (let number = 0; number < 50; number++) up.next(number);
    up.complete();
    const failing = new signalR.Subject();
    const failed = outcome(connection.invoke("Total", 1, failing));
    failing.next(1);
    failing.error(new Error("the client gave up"));
    const both = new signalR.Subject();
    const doubled = collected(connection.stream("Doubled", both));
    for (const number of [1, 2, 3]) both.next(number);
    both.complete();
    const result = {
      down,
      broken,
      crashed,
      cancelled,
      total: await total,
      failed: await failed,
      doubled: await doubled,
    };
    await connection.stop();
    return result;
  },

  async results() {
    const connection = build();
    await connection.start();
    const missing = await outcome(connection.invoke("Ask", "nobody listens"));
    connection.on("Question", (question) => `you asked: ${question}`);
    const answered = await connection.invoke("Ask", "well?");
    await connection.stop();
    return { missing, answered };
  },

  async large() {
    const connection = build();
    let event = 0;
    connection.on("Large", (text) => {
      event = text.length;
    });
    await connection.start();
    const result = (await connection.invoke("Large", asked.size)).length;
    const inbound = (await connection.invoke("Echo", "z".repeat(200000))).length;
    await until(() => event > 0);
    await connection.stop();
    return { event, result, inbound };
  },

  async oversize() {
    const connection = build();
    const closing = closed(connection);
    await connection.start();
    const call = outcome(connection.invoke("Echo", "z".repeat(300000)));
    return { closed: await closing, call: await call };
  },

  async hangUp() {
    const connection = build();
    const closing = closed(connection);
    await connection.start();
    await outcome(connection.invoke("Hang_Up", "RoomEnded", false));
    return { closed: await closing };
  },

  // The server ends the connection; a client that reconnects by itself comes back under a new id.
  async reconnect() {
    const connection = build({}, (builder) => builder.withAutomaticReconnect([0, 100, 1000]));
    await connection.start();
    const before = connection.connectionId;
    const back = new Promise((resolve) => connection.onreconnected(resolve));
    connection.send(asked.how, ...(asked.how === "Hang_Up" ? ["restarting", true] : []));
    const after = await back;
    const result = { before, after, add: await connection.invoke("Add", 1, 2) };
    await connection.stop();
    return result;
  },

  async auth() {
    const good = build({ accessTokenFactory: () => asked.token });
    await good.start();
    const who = await good.invoke("Who");
    await good.stop();
    const bad = await outcome(build({ accessTokenFactory: () => "wrong" }).start());
    return { who, bad };
  },

  async skipNegotiation() {
    const connection = build({ skipNegotiation: true });
    await connection.start();
    const add = await connection.invoke("Add", 2, 3);
    await connection.stop();
    return { add, id: connection.connectionId };
  },

  // Through a proxy that cuts: both ways, numbered, nothing lost or doubled, always the same connection.
  async stateful() {
    const connection = build({}, (builder) => builder.withStatefulReconnect());
    const heard = [];
    const reconnects = [];
    let ended = false;
    connection.on("Numbered", (number) => {
      heard.push(number);
    });
    connection.onreconnecting(() => reconnects.push("reconnecting"));
    connection.onclose(() => {
      ended = true;
    });
    await connection.start();
    const id = connection.connectionId;
    const answers = [];
    const calls = [];
    for (let number = 0; number < asked.calls && !ended; number++) {
      calls.push(connection.invoke("Echo", number).then((value) => answers.push(value)));
      connection.send("Events", 3);
      if (number % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await Promise.race([Promise.all(calls), closed(connection)]);
    await until(() => ended || heard.length >= 3 * asked.calls);
    const same = connection.connectionId === id && !ended;
    const who = ended ? null : await connection.invoke("Who");
    await connection.stop();
    const bad = logged.filter((text) => /Sequence ID|error/i.test(text));
    return {
      answers,
      heard: heard.length,
      inOrder: heard.every((n, i) => n === i % 3),
      same,
      reconnects,
      who,
      id,
      bad,
    };
  },

  // Does what standard input says, one JSON a line, and tells what happens in the same way.
  async driven() {
    const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
    const options = asked.token ? { accessTokenFactory: () => asked.token } : {};
    if (asked.skipNegotiation) options.skipNegotiation = true;
    const connection = build(options, (builder) => {
      if (asked.reconnects) builder.withAutomaticReconnect([0, 200, 500, 1000]);
      if (asked.stateful) builder.withStatefulReconnect();
      return builder;
    });
    for (const name of asked.events)
      connection.on(name, (...args) => {
        say({ event: name, args });
      });
    connection.onclose((error) => say({ closed: error?.message ?? null }));
    connection.onreconnecting(() => say({ reconnecting: true }));
    connection.onreconnected((id) => say({ reconnected: id }));
    const started = await outcome(connection.start());
    say({ started: connection.connectionId ?? null, ...started });
    let rest = "";
    for await (const chunk of process.stdin) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const { id, target, args, stop } = JSON.parse(line);
        if (stop) await connection.stop();
        else if (id === undefined) connection.send(target, ...args).catch(() => {});
        else outcome(connection.invoke(target, ...args)).then((result) => say({ id, ...result }));
      }
    }
    return null;
  },
};

const result = await scenarios[asked.scenario]();
process.stdout.write(JSON.stringify(result), () => process.exit(0));
