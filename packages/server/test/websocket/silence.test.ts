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

test("clients that stop reading are closed with 4008, others hear everything, and resume is complete", async () => {
  const ann = await connect(server, { user: "ann" });
  const listener = await connect(server, { user: "bob" });
  const conversation = await openConversation(ann, ["bob", "slow"], "Slow");
  const readers = await Promise.all(Array.from({ length: 4 }, () => connect(server, { user: "slow" })));
  const position = readers[0]?.position() as string;
  for (const reader of readers) reader.socket.pause();
  const before = residentMegabytes(server.pid);
  const text = "x".repeat(9_900);
  const rounds = 150;
  for (let i = 0; i < rounds; i++) {
    await Promise.all(Array.from({ length: 10 }, (_, k) => say(ann, conversation, `${i}.${k} ${text}`)));
  }
  const total = rounds * 10;
  await listener.until(() => listener.all("message.receive").length === total, "all messages");
  // 15 MB to each of four: held for as long as they do not read, they would stand out.
  expect(residentMegabytes(server.pid) - before).toBeLessThan(150);
  for (const reader of readers) {
    reader.socket.resume();
    // The close frame stands behind what the kernel holds; where that took too long, the connection was cut.
    expect([4008, 1006]).toContain((await reader.closed).code);
    const told = reader.all("message.receive").map((message) => message.seq);
    expect(told).toEqual(told.map((_, i) => i + 2));
    expect(told.length).toBeLessThan(total);
  }
  const back = await connect(server, { user: "slow" });
  const resumed = await back.ask("resume", { position });
  expect(resumed.event).toBe("resumed");
  const seqs = back.all("message.receive").map((message) => message.seq);
  expect(seqs).toEqual(Array.from({ length: total }, (_, i) => i + 2));
  expect((await ann.ask("ping")).event).toBe("pong");
});

test("the close code of a slow consumer reaches it where it reads on at once", async () => {
  const ann = await connect(server, { user: "ann2" });
  const conversation = await openConversation(ann, ["slow2"]);
  const reader = await connect(server, { user: "slow2" });
  reader.socket.pause();
  const text = "x".repeat(9_900);
  let sent = 0;
  const flood = async (): Promise<void> => {
    while (sent < 3_000 && reader.socket.readyState === reader.socket.OPEN) {
      await Promise.all(Array.from({ length: 20 }, () => say(ann, conversation, text)));
      sent += 20;
      if (sent % 200 === 0) {
        reader.socket.resume();
        await new Promise((resolve) => setTimeout(resolve, 5));
        reader.socket.pause();
      }
    }
  };
  await flood();
  reader.socket.resume();
  await Promise.race([reader.closed, new Promise((resolve) => setTimeout(resolve, 500))]);
  if (reader.socket.readyState === reader.socket.CLOSED) expect((await reader.closed).code).toBe(4008);
  await reader.close();
});

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
