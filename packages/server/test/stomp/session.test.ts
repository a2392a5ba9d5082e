import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStompScene, type StompScene } from "./support/listener.ts";
import { openConnected, openRaw, type RawClient } from "./support/raw-client.ts";

let scene: StompScene;
beforeAll(async () => {
  scene = await openStompScene({
    env: { MAX_FRAME_BYTES: "64KiB", MAX_FRAMES_PER_SECOND: "2000" },
    session: { heartBeatMs: 500, connectMs: 1_000, frameMs: 1_000, pingMs: 1_000 },
  });
});
afterAll(() => scene.close());

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`never: ${what}`);
}

/** Ends with one ERROR, and with this code. */
async function expectError(client: RawClient, message: string, code = 1002): Promise<void> {
  const error = await client.until("ERROR");
  expect(error.headers.get("message")).toContain(message);
  expect((await client.closed).code).toBe(code);
  expect(client.frames.at(-1)?.command).toBe("ERROR");
}

async function expectHealthy(): Promise<void> {
  const client = await openConnected(scene.url, { login: "healthy" });
  client.send(
    "SUBSCRIBE\nid:0\ndestination:/topic/health\n\n\0",
    "SEND\ndestination:/topic/health\n\nwell\0",
  );
  expect((await client.until("MESSAGE")).body.toString()).toBe("well");
  client.socket.terminate();
}

describe("CONNECT", () => {
  test.each([
    ["accept-version:1.2\n", "1.2"],
    ["accept-version:1.1,1.2,1.0\n", "1.2"],
    ["accept-version:1.0, 1.1\n", "1.1"],
    ["accept-version:1.1,9.9\n", "1.1"],
    ["accept-version:1.0\n", "1.0"],
    ["", "1.0"],
  ])("%o is answered with %s", async (header, version) => {
    for (const command of ["CONNECT", "STOMP"]) {
      const client = await openRaw(scene.url);
      client.send(`${command}\n${header}login:ann\nheart-beat:0,0\n\n\0`);
      const { headers } = await client.until("CONNECTED");
      expect(headers.get("version")).toBe(version);
      expect(headers.get("user-name")).toBe("ann");
      expect(headers.get("session")).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers.get("heart-beat")).toBe(version === "1.0" ? undefined : "500,500");
      client.socket.terminate();
    }
  });

  test("the newest subprotocol is chosen; a client that offers none is served, unknown ones are not chosen", async () => {
    for (const [offered, chosen] of [
      [["v10.stomp", "v11.stomp", "v12.stomp"], "v12.stomp"],
      [["v10.stomp", "v11.stomp"], "v11.stomp"],
      [[], ""],
    ] as const) {
      const client = await openRaw(scene.url, "/stomp/websocket", [...offered]);
      expect(client.socket.protocol).toBe(chosen);
      client.socket.terminate();
    }
  });

  test("no version in common: ERROR names those there are", async () => {
    const client = await openRaw(scene.url);
    client.send("CONNECT\naccept-version:9.9\n\n\0");
    expect((await client.until("ERROR")).headers.get("version")).toBe("1.0,1.1,1.2");
    expect((await client.closed).code).toBe(1002);
  });

  test("who may not connect is told why, and nothing of what the server looks like inside", async () => {
    const nobody = await openRaw(scene.url);
    nobody.send("CONNECT\naccept-version:1.2\nlogin:nobody\nreceipt:r\n\n\0");
    expect((await nobody.until("ERROR")).headers.get("receipt-id")).toBe("r");
    await expectError(nobody, "The token is not valid", 4001);
    const crash = await openRaw(scene.url);
    crash.send("CONNECT\naccept-version:1.2\nlogin:crash\n\n\0");
    await expectError(crash, "Something went wrong here", 1011);
    expect(crash.messages.join("")).not.toContain("select");
  });

  test("anything before it, and a second one, end the connection and do nothing", async () => {
    for (const command of ["SEND", "SUBSCRIBE", "DISCONNECT", "ACK", "BEGIN", "connect", "MESSAGE"]) {
      const client = await openRaw(scene.url);
      client.send(`${command}\nid:0\ndestination:/topic/before\ntransaction:t\n\n\0`);
      await expectError(client, "must be CONNECT");
    }
    expect(scene.broker.log.filter((line) => line.includes("before"))).toEqual([]);
    const twice = await openConnected(scene.url);
    twice.send("CONNECT\naccept-version:1.2\nlogin:bob\n\n\0");
    await expectError(twice, "connected already");
  });

  test("must come in time, and nothing is sent to who left while it was worked on", async () => {
    await expectError(await openRaw(scene.url), "in time", 4001);
    const leaver = await openRaw(scene.url);
    leaver.send("CONNECT\naccept-version:1.2\nlogin:slow\n\n\0");
    leaver.socket.terminate();
    await until(() => scene.broker.log.includes("slow is gone"), "the end of who left");
  });

  test("frames behind it wait for it, and are read by the version agreed on", async () => {
    const client = await openRaw(scene.url);
    client.send(
      "CONNECT\naccept-version:1.0\nlogin:slow\n\n\0SUBSCRIBE\ndestination:/topic/a\\t\nreceipt:1\n\n\0DISCONNECT\nreceipt:2\n\n\0",
    );
    await client.closed;
    expect(client.frames.map(({ headers }) => headers.get("receipt-id"))).toEqual([undefined, "1", "2"]);
    // `\t` is no escape in 1.0.
    expect(scene.broker.log).toContain("slow hears /topic/a\\t");
  });
});

describe("messages", () => {
  test("each subscription gets its own, in every version, with what is alike shared", async () => {
    const clients = await Promise.all(
      ["1.0", "1.1", "1.2"].map((version) => openConnected(scene.url, { login: `v${version}`, version })),
    );
    for (const client of clients) {
      client.send(
        "SUBSCRIBE\nid:one\ndestination:/topic/shared\nreceipt:s1\n\n\0",
        "SUBSCRIBE\nid:two\ndestination:/topic/shared\nack:client\nreceipt:s2\n\n\0",
        "SUBSCRIBE\nid:other\ndestination:/topic/other\nreceipt:s3\n\n\0",
      );
      await until(
        () => client.frames.filter(({ command }) => command === "RECEIPT").length === 3,
        "receipts",
      );
    }
    const body = 'é😀\n"\\\0\u2028 %';
    scene.broker.publish("/topic/shared", "77", body);
    for (const client of clients) {
      await until(() => client.frames.filter(({ command }) => command === "MESSAGE").length === 2, "both");
      const [one, two] = client.frames.filter(({ command }) => command === "MESSAGE");
      const alike = {
        destination: "/topic/shared",
        "message-id": "77",
        position: "77",
        "content-type": "text/plain",
      };
      expect(Object.fromEntries(one!.headers)).toMatchObject({ ...alike, subscription: "one" });
      expect(Object.fromEntries(two!.headers)).toMatchObject({ ...alike, subscription: "two" });
      expect([one!.headers.has("ack"), two!.headers.has("ack")]).toEqual([false, client === clients[2]]);
      expect([one!.body.toString(), two!.body.toString()]).toEqual([body, body]);
      const odd = client === clients[0] ? [...one!.headers].find(([name]) => name === "odd") : null;
      if (odd === null) expect(one!.headers.get("odd:name")).toBe("a\\b\nc:d");
      else expect(odd).toEqual(["odd", "name:a\\b c:d"]);
      client.socket.terminate();
    }
  });

  test("of two subscriptions to one destination one may go", async () => {
    const client = await openConnected(scene.url);
    client.send(
      "SUBSCRIBE\nid:a\ndestination:/topic/two\n\n\0SUBSCRIBE\nid:b\ndestination:/topic/two\n\n\0",
      "UNSUBSCRIBE\nid:a\nreceipt:u\n\n\0",
    );
    await client.until("RECEIPT");
    scene.broker.publish("/topic/two", "1", "x");
    expect((await client.until("MESSAGE")).headers.get("subscription")).toBe("b");
    client.send("UNSUBSCRIBE\nid:b\n\n\0SUBSCRIBE\nid:a\ndestination:/topic/two\nreceipt:again\n\n\0");
    await until(
      () => client.frames.some(({ headers }) => headers.get("receipt-id") === "again"),
      "the receipt",
    );
    scene.broker.publish("/topic/two", "2", "y");
    await until(() => client.frames.some(({ body }) => body.toString() === "y"), "the second message");
    const heard = client.frames.flatMap(({ headers }) => headers.get("subscription") ?? []);
    expect(heard).toEqual(["b", "a"]);
    client.socket.terminate();
  });

  test("a client of 1.0 may leave out the id: its destination stands for it", async () => {
    const client = await openConnected(scene.url, { version: "1.0" });
    client.send("SUBSCRIBE\ndestination:/topic/nameless\nreceipt:s\n\n\0");
    await client.until("RECEIPT");
    scene.broker.publish("/topic/nameless", "1", "x");
    expect((await client.until("MESSAGE")).headers.has("subscription")).toBe(false);
    client.send(
      "UNSUBSCRIBE\ndestination:/topic/nameless\n\n\0UNSUBSCRIBE\ndestination:/topic/nameless\n\n\0",
    );
    await expectError(client, "no such subscription");
  });

  test("one frame is one WebSocket message", async () => {
    const client = await openConnected(scene.url);
    client.send("SUBSCRIBE\nid:0\ndestination:/topic/many\nreceipt:s\n\n\0");
    await client.until("RECEIPT");
    for (let i = 0; i < 50; i++) scene.broker.publish("/topic/many", String(i), "x");
    await until(() => client.frames.length === 52, "all messages");
    expect(client.messages.filter((message) => message !== "\n").length).toBe(52);
    client.socket.terminate();
  });

  test("an unsubscribed or refused subscription hears nothing", async () => {
    const client = await openConnected(scene.url, { login: "left" });
    client.send(
      "SUBSCRIBE\nid:e\ndestination:/user/queue/errors\n\n\0",
      "SUBSCRIBE\nid:0\ndestination:/topic/left\n\n\0",
      "UNSUBSCRIBE\nid:0\nreceipt:u\n\n\0",
      "SUBSCRIBE\nid:1\ndestination:/topic/left\nsince:nonsense\nreceipt:n\n\n\0",
      "SUBSCRIBE\nid:2\ndestination:/nowhere/*\nreceipt:w\n\n\0",
      "SUBSCRIBE\nid:2\ndestination:/topic/right\nreceipt:r\n\n\0",
    );
    await until(
      () => client.frames.some(({ headers }) => headers.get("receipt-id") === "r"),
      "the last receipt",
    );
    scene.broker.publish("/topic/left", "1", "unheard");
    scene.broker.publish("/topic/right", "2", "heard");
    await until(() => client.frames.some(({ body }) => body.toString() === "heard"), "what is heard");
    expect(client.messages.join("")).not.toContain("unheard");
    const receipts = client.frames.flatMap(({ headers }) => headers.get("receipt-id") ?? []);
    expect(receipts).toEqual(["u", "r"]);
    const errors = client.frames
      .filter(({ headers }) => headers.get("subscription") === "e")
      .map(({ body }) => JSON.parse(body.toString()));
    expect(errors).toEqual([
      { error: "The position is not one", receipt: "n" },
      { error: "There is no such destination", receipt: "w" },
    ]);
    client.socket.terminate();
  });
});

describe("receipts", () => {
  test("come for every frame that asks, with the id as it was", async () => {
    const client = await openConnected(scene.url, { more: "receipt:c\n" });
    const id = "a:b\\c\nd\r😀";
    const escaped = "a\\cb\\\\c\\nd\\r😀";
    client.send(
      `SUBSCRIBE\nid:0\ndestination:/topic/receipts\nreceipt:${escaped}\n\n\0`,
      "ACK\nid:unknown\nreceipt:2\n\n\0",
      "NACK\nid:unknown\nsubscription:foreign\nreceipt:3\n\n\0",
      "SEND\ndestination:/app/nothing\nreceipt:4\n\n\0",
      "UNSUBSCRIBE\nid:0\nreceipt:5\n\n\0",
      "DISCONNECT\nreceipt:6\n\n\0",
    );
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect(client.frames.map(({ headers }) => headers.get("receipt-id")).filter(Boolean)).toEqual([
      "c",
      id,
      "2",
      "3",
      "4",
      "5",
      "6",
    ]);
  });

  test("of a SEND only when it is done; the next frame waits for it unless it was accepted", async () => {
    const client = await openConnected(scene.url);
    client.send("SEND\ndestination:/app/hold\nreceipt:held\n\n\0", "ACK\nid:x\nreceipt:after\n\n\0");
    await sleep(100);
    expect(client.frames.length).toBe(1);
    scene.broker.release();
    await until(() => client.frames.length === 3, "both receipts");
    client.send(
      "SEND\ndestination:/app/hold-accepted\nreceipt:held\n\n\0",
      "ACK\nid:x\nreceipt:before\n\n\0",
    );
    await until(() => client.frames.length === 4, "the receipt that does not wait");
    client.send("DISCONNECT\nreceipt:bye\n\n\0");
    await sleep(100);
    expect(client.frames.length).toBe(4);
    scene.broker.release();
    await client.closed;
    expect(client.frames.slice(1).map(({ headers }) => headers.get("receipt-id"))).toEqual([
      "held",
      "after",
      "before",
      "held",
      "bye",
    ]);
  });

  test("not of a SEND that fails: the client is told, and the session lives", async () => {
    const client = await openConnected(scene.url);
    client.send("SUBSCRIBE\nid:e\ndestination:/user/queue/errors\n\n\0");
    for (const [app, error] of [
      ["refuse", "Not that"],
      ["crash", "Something went wrong here"],
    ]) {
      const from = client.frames.length;
      client.send(`SEND\ndestination:/app/${app}\nreceipt:${app}\n\n\0`);
      expect(JSON.parse((await client.until("MESSAGE", from)).body.toString())).toEqual({
        error,
        receipt: app,
      });
    }
    client.send("ACK\nid:x\nreceipt:alive\n\n\0");
    expect((await client.until("RECEIPT")).headers.get("receipt-id")).toBe("alive");
    client.socket.terminate();
  });
});

describe("what a connection is ended for", () => {
  const head = (bytes: number): string => `SEND\ndestination:/topic/x\nx:${"y".repeat(bytes)}\n\n\0`;
  const cases: readonly [string, string | Buffer, string, number?][] = [
    ["content-length: abc", "SEND\ndestination:/app/x\ncontent-length:abc\n\nx\0", "content-length"],
    ["content-length: -1", "SEND\ndestination:/app/x\ncontent-length:-1\n\nx\0", "content-length"],
    ["content-length: 1e3", "SEND\ndestination:/app/x\ncontent-length:1e3\n\nx\0", "content-length"],
    [
      "content-length: 99999999999",
      "SEND\ndestination:/app/x\ncontent-length:99999999999\n\nx\0",
      "too large",
      1009,
    ],
    ["content-length: too short", "SEND\ndestination:/app/x\ncontent-length:1\n\nxyz\0", "content-length"],
    [
      "content-length: too long",
      "SEND\ndestination:/app/x\ncontent-length:9\n\nxyz\0",
      "did not end in time",
    ],
    ["no NUL", "SEND\ndestination:/app/x\n\nxyz", "did not end in time"],
    ["half a head", "SEND\ndestination:/app/x", "did not end in time"],
    ["a header of 20 KiB", head(20_000), "too large", 1009],
    ["65 headers", `SEND\n${"x:y\n".repeat(65)}\n\0`, "too many headers", 1009],
    ["an undefined escape", "SEND\ndestination:/app/\\t\n\n\0", "escape"],
    ["headers that are not UTF-8", Buffer.from("SEND\nx:\xc3\x28\n\n\0", "latin1"), "UTF-8"],
    ["SEND without destination", "SEND\n\nx\0", "destination"],
    ["SUBSCRIBE without id", "SUBSCRIBE\ndestination:/topic/x\n\n\0", "no id"],
    ["SUBSCRIBE without destination", "SUBSCRIBE\nid:0\n\n\0", "destination"],
    ["a selector", "SUBSCRIBE\nid:0\ndestination:/topic/x\nselector:T(java.lang.Runtime)\n\n\0", "selector"],
    ["an unknown ack mode", "SUBSCRIBE\nid:0\ndestination:/topic/x\nack:maybe\n\n\0", "ack"],
    ["a body where none may be", "SUBSCRIBE\nid:0\ndestination:/topic/x\n\nbody\0", "body"],
    [
      "the same id twice",
      "SUBSCRIBE\nid:0\ndestination:/topic/x\n\n\0SUBSCRIBE\nid:0\ndestination:/topic/y\n\n\0",
      "taken",
    ],
    ["UNSUBSCRIBE of nothing", "UNSUBSCRIBE\nid:0\n\n\0", "no such subscription"],
    [
      "101 subscriptions",
      Array.from({ length: 101 }, (_, i) => `SUBSCRIBE\nid:${i}\ndestination:/topic/x\n\n\0`).join(""),
      "too many",
      1009,
    ],
    ["BEGIN", "BEGIN\ntransaction:t\n\n\0", "transactions"],
    ["COMMIT", "COMMIT\ntransaction:t\n\n\0", "transactions"],
    ["ABORT", "ABORT\ntransaction:t\n\n\0", "transactions"],
    ["SEND in a transaction", "SEND\ndestination:/app/x\ntransaction:t\n\n\0", "transactions"],
    ["a server's command", "MESSAGE\ndestination:/topic/x\nsubscription:0\nmessage-id:1\n\n\0", "command"],
    ["an unknown command", "HACK\n\n\0", "command"],
    ["a command in small letters", "send\ndestination:/app/x\n\n\0", "command"],
    ["a receipt of 10 KiB", `SEND\ndestination:/app/x\nreceipt:${"r".repeat(10_240)}\n\n\0`, "receipt", 1009],
    ["an id of 256 characters", `SUBSCRIBE\nid:${"i".repeat(256)}\ndestination:/topic/x\n\n\0`, "id", 1009],
    ["frames of another protocol", "GET / HTTP/1.1\r\nHost: x\r\n\r\n\0", "command"],
  ];
  test.each(cases)("%s", async (_, input, message, code = 1002) => {
    const client = await openConnected(scene.url, { login: "bad" });
    client.send(input);
    await expectError(client, message, code);
    expect(scene.broker.log.filter((line) => line === "bad sends /app/x")).toEqual([]);
  });

  test.each([["a,b"], ["0,-5"], ["1"], ["1,2,3"], ["1e9,1e9"], [""], [" 1,1"]])(
    "heart-beat:%o",
    async (header) => {
      const client = await openRaw(scene.url);
      client.send(`CONNECT\naccept-version:1.2\nheart-beat:${header}\n\n\0`);
      await expectError(client, "heart-beat");
    },
  );

  test("a message of the transport over its limit: 1009", async () => {
    const client = await openConnected(scene.url);
    client.send("x".repeat(100_000));
    expect((await client.closed).code).toBe(1009);
  });

  test("too many frames in a second", async () => {
    const client = await openConnected(scene.url);
    client.send("ACK\nid:x\n\n\0".repeat(2_001));
    await expectError(client, "too fast", 4029);
    const dripping = await openConnected(scene.url);
    for (let i = 0; i < 4_100; i++) dripping.send("\n");
    await expectError(dripping, "too fast", 4029);
  });

  test("the token's end", async () => {
    await expectError(await openConnected(scene.url, { login: "expiring" }), "token has expired", 4001);
  });

  test("the application's wish", async () => {
    const client = await openConnected(scene.url, { login: "wished" });
    for (const session of scene.broker.sessions)
      if (session.client?.name === "wished") session.end("restart");
    await expectError(client, "come back and resume", 1012);
    await until(() => scene.broker.log.includes("wished is gone"), "its end");
  });

  test("and nothing of all that is remembered, or harms others", async () => {
    await expectHealthy();
    await until(() => scene.broker.sessions.size === 0, "the end of all sessions");
    expect(scene.lines().filter((line) => line.includes("error"))).toHaveLength(2);
  });
});

describe("cutting and joining", () => {
  const FRAMES =
    "SUBSCRIBE\nid:0\ndestination:/topic/é\nreceipt:1\n\n\0\n\nSEND\ndestination:/topic/é\n\n😀\0\n";

  test("frames cut at each byte, in binary messages", async () => {
    const bytes = Buffer.from(FRAMES);
    for (let at = 1; at < bytes.length; at += 7) {
      const client = await openConnected(scene.url);
      client.send(bytes.subarray(0, at), bytes.subarray(at));
      expect((await client.until("MESSAGE")).body.toString()).toBe("😀");
      client.socket.terminate();
    }
  });

  test("a hundred frames in one message, and frames of one byte each", async () => {
    const client = await openConnected(scene.url);
    client.send(Array.from({ length: 100 }, (_, i) => `ACK\nid:x\nreceipt:${i}\n\n\0`).join("\n"));
    await until(() => client.frames.length === 101, "a hundred receipts");
    client.send(...[...Buffer.from(FRAMES)].map((byte) => Buffer.from([byte])));
    expect((await client.until("MESSAGE")).body.toString()).toBe("😀");
    client.socket.terminate();
  });

  test("ten thousand line ends are heart-beats", async () => {
    const client = await openConnected(scene.url);
    client.send("\n".repeat(10_000), "\r\n".repeat(10_000), "ACK\nid:x\nreceipt:1\n\n\0");
    expect((await client.until("RECEIPT")).headers.get("receipt-id")).toBe("1");
    client.socket.terminate();
  });

  test("a client that sends ahead waits in its own kernel", async () => {
    const client = await openConnected(scene.url);
    client.send("SEND\ndestination:/app/hold\n\n\0");
    const frame = `SEND\ndestination:/app/nothing\n\n${"x".repeat(60_000)}\0`;
    for (let i = 0; i < 300; i++) client.send(frame);
    await sleep(500);
    expect(client.socket.bufferedAmount).toBeGreaterThan(1024 * 1024);
    scene.broker.release();
    client.send("DISCONNECT\nreceipt:bye\n\n\0");
    expect((await client.closed).code).toBe(1000);
  });
});

describe("heart-beats", () => {
  test("are sent as agreed, and silence where they were promised ends the connection", async () => {
    const client = await openConnected(scene.url, { more: "heart-beat:1,1\n" });
    await expectError(client, "No heart-beat");
    const beats = client.messages.filter((message) => message === "\n").length;
    expect(beats).toBeGreaterThanOrEqual(1);
  });

  test("a client that keeps its promise lives", async () => {
    const client = await openConnected(scene.url, { more: "heart-beat:100,0\n" });
    for (let i = 0; i < 18; i++) {
      await sleep(100);
      client.send("\n");
    }
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    expect(client.messages.filter((message) => message === "\n")).toEqual([]);
    client.socket.terminate();
  });

  test("a client that promises none lives as long as its socket answers", async () => {
    const client = await openConnected(scene.url, { more: "heart-beat:0,0\n" });
    await sleep(3_000);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    client.socket.pause();
    await until(() => scene.broker.sessions.size === 0, "the end of a client that does not answer");
    client.socket.terminate();
  });
});
