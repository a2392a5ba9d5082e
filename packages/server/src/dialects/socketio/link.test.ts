import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket as TcpSocket } from "node:net";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Engine } from "./engine.ts";
import type { Link } from "./link.ts";
import { connectFrame, eventFrame } from "./packet.ts";

let server: Server;
let engine: Engine;
let link: Link;
let client: Socket;
/** Upgraded sockets, with what was written to each since it was: sizes. */
let written: number[];
/** Answers to polls. */
let answers: number;

beforeEach(async () => {
  written = [];
  answers = 0;
  engine = new Engine(
    { heartbeatSeconds: 25, maxFrameBytes: 65_536 },
    () => true,
    (opened) => {
      link = opened;
      link.listen({
        text: (data) => data === "0" && link.write([connectFrame("sid")]),
        binary() {},
        closed() {},
      });
    },
  );
  server = createServer((request, response) => {
    if (request.method === "GET") response.once("finish", () => answers++);
    engine.handleRequest(request, response);
  });
  server.on("upgrade", (request, socket: TcpSocket, head: Buffer) => {
    engine.handleUpgrade(request, socket, head);
    const write = socket.write.bind(socket);
    socket.write = ((chunk: Buffer, ...rest: never[]) => {
      written.push(chunk.length);
      return write(chunk, ...rest);
    }) as typeof socket.write;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  client.disconnect();
  engine.close();
  server.closeAllConnections();
  server.close();
});

async function connect(transports: string[]): Promise<void> {
  const { port } = server.address() as AddressInfo;
  client = io(`http://127.0.0.1:${port}`, { transports, forceNew: true, reconnection: false });
  await new Promise<void>((resolve) => client.once("connect", resolve));
}

const frames = (count: number, from = 0): Buffer[] =>
  Array.from({ length: count }, (_, i) => eventFrame("n", { n: from + i, text: "é".repeat(from + i) }));

function heard(): unknown[] {
  const numbers: unknown[] = [];
  client.on("n", ({ n }) => numbers.push(n));
  return numbers;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("what is written at once", () => {
  test("leaves a WebSocket in one write", async () => {
    await connect(["websocket"]);
    const numbers = heard();
    written.length = 0;
    link.write(frames(200));
    expect(written).toHaveLength(1);
    expect(link.buffered).toBe(0);
    await expect.poll(() => numbers).toEqual(upTo(200));
  });

  test("answers one poll", async () => {
    await connect(["polling"]);
    const numbers = heard();
    await expect.poll(() => answers).toBeGreaterThan(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = answers;
    link.write(frames(200));
    await expect.poll(() => numbers).toEqual(upTo(200));
    expect(answers).toBe(before + 1);
  });
});

test("what is written while the transport changes comes once and in order", async () => {
  await connect(["polling", "websocket"]);
  const numbers = heard();
  let sent = 0;
  // Until the client has changed over, and somewhat beyond.
  for (let after = 0; after < 20; ) {
    link.write(frames(3, sent));
    sent += 3;
    if (client.io.engine.transport.name === "websocket") after++;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await expect.poll(() => numbers.length).toBe(sent);
  expect(numbers).toEqual(upTo(sent));
});

test("what nobody polls for counts as buffered until somebody does", async () => {
  await connect(["polling"]);
  const numbers = heard();
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { engine: own } = client.io;
  await new Promise((resolve) => setTimeout(resolve, 50));
  // The client's next poll waits for what it does with the answer to this one.
  own.transport.pause(() => {});
  link.write(frames(1));
  await expect.poll(() => numbers).toEqual([0]);
  const big = eventFrame("n", { n: 1, text: "x".repeat(400_000) });
  link.write([big]);
  expect(link.buffered).toBe(big.length);
  let isDrained = false;
  void link.drained().then(() => {
    isDrained = true;
    release();
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isDrained).toBe(false);
  own.transport.open();
  await held;
  expect(link.buffered).toBe(0);
});
