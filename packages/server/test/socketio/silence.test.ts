import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { conversationOf, open, say } from "./client.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("sio_silence");
  server = await scene.start({ MAX_SEND_QUEUE_BYTES: "1MiB" });
});
afterAll(() => scene.close());

const residentMegabytes = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) / 1024;

test("who does not read is closed over either transport, others hear everything, and resume is complete", async () => {
  const conversation = await conversationOf(server, ["ann", "bob", "slow"]);
  using ann = await open(server, "ann");
  using bob = await open(server, "bob", { auth: { autojoin: true } });
  using first = await open(server, "slow", { auth: { autojoin: true } });
  const position = (await first.until("position")).position;
  first.close();

  const reader = new WebSocket(
    `${server.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket&userId=slow`,
  );
  const closed = new Promise<number>((resolve) => reader.once("close", resolve));
  await once(reader, "open");
  reader.send(`40${JSON.stringify({ autojoin: true })}`);
  reader.pause();

  const base = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(`${base}&userId=slow`)).text()).slice(1));
  const post = (body: string) => fetch(`${base}&sid=${sid}`, { method: "POST", body });
  await post(`40${JSON.stringify({ autojoin: true })}`);

  const before = residentMegabytes();
  const text = "x".repeat(9_900);
  const total = 1_500;
  let isPollingGone = false;
  for (let i = 0; i < total / 10; i++) {
    await Promise.all(Array.from({ length: 10 }, (_, k) => say(ann, conversation, `${i}.${k} ${text}`)));
    // Alive, as far as a heartbeat can tell.
    if (!isPollingGone) isPollingGone = (await post("3")).status === 400;
  }
  await expect.poll(() => bob.all("new_message").length, { timeout: 20_000 }).toBe(total);
  // 15 MB to each: held for as long as they do not read, they would stand out.
  expect(residentMegabytes() - before).toBeLessThan(150);
  await expect.poll(async () => (await post("3")).status, { timeout: 10_000 }).toBe(400);
  reader.resume();
  // The close frame stands behind what the kernel holds; where that takes too long, the connection is cut.
  expect([4008, 1006]).toContain(await closed);

  using back = await open(server, "slow", { auth: { position } });
  await back.until("resumed");
  const seqs = back.all("new_message").map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: total }, (_, i) => i + 2));
}, 60_000);
