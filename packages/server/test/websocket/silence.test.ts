import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRaw, TEXT } from "../support/raw-socket.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;

beforeAll(async () => {
  scene = await openScene("ws_silence");
  server = await scene.start({ MAX_SEND_QUEUE_BYTES: "1MiB", HEARTBEAT_SECONDS: "1" });
});
afterAll(() => scene.close());

const residentMegabytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

/** Connections that were ended because they do not read. */
async function slowConsumers(of: ServerProcess): Promise<number> {
  const { body } = await of.request("/metrics");
  const found = /^parlance_sessions_ended_total\{[^}]*reason="slow_consumer"[^}]*\} (\d+)$/m.exec(
    body as string,
  );
  if (found === null) throw new Error("nothing is said of slow consumers");
  return Number(found[1]);
}

test("clients that stop reading are closed with 4008, others hear everything, and resume is complete", async () => {
  // Its pings are slow, so that none of these connections is taken for dead.
  const patient = await scene.start({ MAX_SEND_QUEUE_BYTES: "1MiB" });
  const ann = await connect(patient, { user: "ann" });
  const listener = await connect(patient, { user: "bob" });
  const conversation = await openConversation(ann, ["bob", "slow"], "Slow");
  const readers = await Promise.all(Array.from({ length: 4 }, () => connect(patient, { user: "slow" })));
  const position = readers[0]?.position() as string;
  for (const reader of readers) {
    await reader.ask("ping");
    reader.socket.pause();
  }
  const before = residentMegabytes(patient.pid);
  const text = "x".repeat(9_900);
  let rounds = 0;
  const sayTen = async (): Promise<void> => {
    const round = rounds++;
    await Promise.all(Array.from({ length: 10 }, (_, k) => say(ann, conversation, `${round}.${k} ${text}`)));
  };
  // How much the kernel holds for one who does not read is its own affair: some megabytes.
  while ((await slowConsumers(patient)) < readers.length) for (let i = 0; i < 5; i++) await sayTen();
  // The close frame stands behind that, and is waited for only so long.
  for (const reader of readers) reader.socket.resume();
  for (let i = 0; i < 30; i++) await sayTen();
  const total = rounds * 10;
  await listener.until(() => listener.all("message.receive").length === total, "all messages");
  // 10 MB and more to each of four: held for as long as they do not read, they would stand out.
  expect(residentMegabytes(patient.pid) - before).toBeLessThan(150);
  const codes = (await Promise.all(readers.map((reader) => reader.closed))).map(({ code }) => code);
  expect(codes).toEqual([4008, 4008, 4008, 4008]);
  for (const reader of readers) {
    const told = reader.all("message.receive").map((message) => message.seq);
    expect(told).toEqual(told.map((_, i) => i + 2));
    expect(told.length).toBeLessThan(total);
  }
  const back = await connect(patient, { user: "slow" });
  const resumed = await back.ask("resume", { position });
  expect(resumed.event).toBe("resumed");
  const seqs = back.all("message.receive").map((message) => message.seq);
  expect(seqs).toEqual(Array.from({ length: total }, (_, i) => i + 2));
  expect((await ann.ask("ping")).event).toBe("pong");
}, 90_000);

test("a connection that answers no pings is cut, one that does lives, also when it says nothing", async () => {
  const quiet = await connect(server, { user: "quiet" });
  const dead = await openRaw(server.url, "dead");
  const start = performance.now();
  // Reads everything and never answers: the raw client knows no pongs.
  expect(await dead.closed).toBeNull();
  const seconds = (performance.now() - start) / 1000;
  expect(seconds).toBeGreaterThan(1);
  expect(seconds).toBeLessThan(4);
  dead.write({ opcode: TEXT, payload: '{"event":"ping"}' });
  expect((await quiet.ask("ping")).event).toBe("pong");
});

test("pings without end from a client that reads nothing take no memory and harm nobody", async () => {
  const flood = await openRaw(server.url, "flood");
  flood.socket.pause();
  const before = residentMegabytes(server.pid);
  // A masked ping of 125 bytes; the mask is zero.
  const ping = Buffer.concat([Buffer.from([0x89, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125, "p")]);
  const lot = Buffer.concat(Array.from({ length: 2_000 }, () => ping));
  // 64 MB; the server may well end this connection before.
  for (let i = 0; i < 250 && !flood.socket.destroyed; i++) {
    await new Promise((resolve) => flood.socket.write(lot, resolve));
  }
  const other = await connect(server, { user: "other" });
  expect((await other.ask("ping")).event).toBe("pong");
  expect(residentMegabytes(server.pid) - before).toBeLessThan(40);
  flood.socket.destroy();
});
