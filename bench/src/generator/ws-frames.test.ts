import { once } from "node:events";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { BareSocket } from "./bare-socket.ts";
import { clientFrame, FrameReader, Opcode } from "./ws-frames.ts";

/** A server's frame, by the letter of RFC 6455 and nothing else. */
function serverFrame(opcode: number, payload: Buffer, last = true): Buffer {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = (last ? 0x80 : 0) | opcode;
  if (head.length === 2) head[1] = payload.length;
  else if (head.length === 4) {
    head[1] = 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** Feeds `bytes` in pieces of the given sizes, then the rest. */
function readInPieces(bytes: Buffer, sizes: readonly number[]): [number, string][] {
  const seen: [number, string][] = [];
  const reader = new FrameReader((opcode, payload) => seen.push([opcode, payload.toString()]));
  let at = 0;
  for (const size of sizes) {
    reader.feed(bytes.subarray(at, at + size));
    at += size;
  }
  reader.feed(bytes.subarray(at));
  return seen;
}

describe("reading", () => {
  test("gives every message once and in order, however the bytes are cut", () => {
    const texts = fc.array(fc.string({ unit: "grapheme", maxLength: 400 }), { maxLength: 8 });
    const cuts = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 12 });
    fc.assert(
      fc.property(texts, cuts, (messages, sizes) => {
        const bytes = Buffer.concat(messages.map((text) => serverFrame(Opcode.text, Buffer.from(text))));
        expect(readInPieces(bytes, sizes)).toEqual(messages.map((text) => [Opcode.text, text]));
      }),
    );
  });

  test.each([125, 126, 65_535, 65_536])("takes a length of %i bytes", (length) => {
    const text = "x".repeat(length);
    expect(readInPieces(serverFrame(Opcode.text, Buffer.from(text)), [1, 1, 3])).toEqual([
      [Opcode.text, text],
    ]);
  });

  test("puts fragments together, with a ping between them", () => {
    const bytes = Buffer.concat([
      serverFrame(Opcode.text, Buffer.from("al"), false),
      serverFrame(Opcode.ping, Buffer.from("!")),
      serverFrame(Opcode.continuation, Buffer.from("li"), false),
      serverFrame(Opcode.continuation, Buffer.from("ance")),
    ]);
    const expected = [
      [Opcode.ping, "!"],
      [Opcode.text, "alliance"],
    ];
    expect(readInPieces(bytes, [])).toEqual(expected);
    expect(readInPieces(bytes, [3, 1, 2, 2])).toEqual(expected);
  });

  test("refuses masked and compressed frames from a server", () => {
    const reader = new FrameReader(() => {});
    expect(() => reader.feed(Buffer.from([0x81, 0x80, 0, 0, 0, 0]))).toThrow("masked");
    expect(() => reader.feed(Buffer.from([0xc1, 0x00]))).toThrow("reserved");
  });
});

describe("against a real ws server", () => {
  const servers: WebSocketServer[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      for (const client of server.clients) client.terminate();
      server.close();
    }
  });

  async function serve(greeting?: string): Promise<{ port: number; peer: Promise<WebSocket> }> {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
    servers.push(server);
    const peer = new Promise<WebSocket>((resolve) =>
      server.on("connection", (socket) => {
        // Leaves together with the answer to the upgrade.
        if (greeting !== undefined) socket.send(greeting);
        socket.on("message", (data, binary) => socket.send(data, { binary }));
        resolve(socket);
      }),
    );
    await once(server, "listening");
    return { port: (server.address() as AddressInfo).port, peer };
  }

  test.each(["", "short", "x".repeat(126), "ü".repeat(40_000)])(
    "a text comes back as it went",
    async (text) => {
      const { port } = await serve();
      const socket = await BareSocket.open(port, "/");
      const echoed = new Promise<string>((resolve, reject) =>
        socket.start(
          (payload) => resolve(payload.toString()),
          (reason) => reject(new Error(reason)),
        ),
      );
      socket.sendText(text);
      expect(await echoed).toBe(text);
      socket.close();
    },
  );

  test("what comes with the upgrade is not lost, gathered sends keep their order, pings are answered", async () => {
    const { port, peer } = await serve("hello");
    const socket = await BareSocket.open(port, "/");
    const texts: string[] = [];
    const all = new Promise<void>((resolve) =>
      socket.start(
        (payload) => {
          texts.push(payload.toString());
          if (texts.length === 4) resolve();
        },
        () => {},
      ),
    );
    socket.gather(() => {
      for (const text of ["1", "2", "3"]) socket.sendText(text);
    });
    await all;
    expect(texts).toEqual(["hello", "1", "2", "3"]);
    const server = await peer;
    const pong = once(server, "pong");
    server.ping("beat");
    expect(String((await pong)[0])).toBe("beat");
    socket.close();
  });

  test("a mask is applied, and undone by the server", async () => {
    const frame = clientFrame(Opcode.text, Buffer.from("masked"), Buffer.from([1, 2, 3, 4]));
    const unmasked = frame.subarray(6).map((byte, index) => byte ^ [1, 2, 3, 4][index & 3]!);
    expect(Buffer.from(unmasked).toString()).toBe("masked");
    expect(frame.subarray(6).toString()).not.toBe("masked");
  });

  test("a close says its code and reason, once", async () => {
    const { port, peer } = await serve();
    const socket = await BareSocket.open(port, "/");
    const reasons: string[] = [];
    const closed = new Promise<void>((resolve) =>
      socket.start(
        () => {},
        (reason) => {
          reasons.push(reason);
          resolve();
        },
      ),
    );
    const server = await peer;
    server.close(4008, "too slow");
    await closed;
    await once(server, "close");
    expect(reasons).toEqual(["closed with 4008 too slow"]);
  });
});
