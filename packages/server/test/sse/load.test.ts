import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, type TestClient } from "../support/socket.ts";
import { listen, openChat } from "./stream-client.ts";

let scene: Scene;
let server: ServerProcess;

beforeAll(async () => {
  scene = await openScene("sse_load");
  server = await scene.start({ SWEEP_SECONDS: "1" });
});
afterAll(() => scene.close());

/** A client that goes on from the last id it was given, wherever its connections break. */
interface Wanderer {
  lastEventId: string;
  /** By chat, in the order of their coming. */
  readonly seqs: Map<number, number[]>;
}

/** One connection, cut after so many bytes or when nothing has come for a while. */
async function visit(user: string, wanderer: Wanderer, bytes: number): Promise<void> {
  const stream = await listen(server, { user, lastEventId: wanderer.lastEventId, cutAfter: bytes });
  const silence = new Promise<void>((resolve) => setTimeout(resolve, 1_000));
  await Promise.race([stream.closed, silence]);
  await stream.cut();
  for (const { name, data } of stream.events()) {
    if (name === "reset") throw new Error(`reset: ${data.reason}`);
    const seqs = wanderer.seqs.get(data.chat_id) ?? [];
    wanderer.seqs.set(data.chat_id, seqs);
    seqs.push(data.seq);
  }
  const lastEventId = stream.lastEventId();
  if (lastEventId !== "") wanderer.lastEventId = lastEventId;
}

test("100 streams cut at any byte in the middle of a burst: nothing lost, doubled or out of order", async () => {
  const senders: TestClient[] = await Promise.all(
    Array.from({ length: 4 }, (_, i) => connect(server, { user: `sender-${i}` })),
  );
  const everybody = [...senders.map((_, i) => `sender-${i}`), "walker", "runner"];
  const chats: number[] = [];
  for (const name of ["One", "Two", "Three"]) chats.push(await openChat(server, everybody, name));
  const start = async (user: string): Promise<Wanderer> => {
    const stream = await listen(server, { user });
    await stream.cut();
    return { lastEventId: stream.lastEventId(), seqs: new Map() };
  };
  const walkers = [await start("walker"), await start("runner"), await start("walker")] as const;

  let sending = true;
  const burst = senders.map(async (sender, s) => {
    let sent = 0;
    while (sending) {
      const some = Array.from({ length: 1 + (sent % 5) }, () =>
        sender.ask("message.send", { conversation_id: chats[(s + sent++) % 3], content: `${s} ${sent}` }),
      );
      await Promise.all(some);
      await new Promise((resolve) => setTimeout(resolve, sent % 9));
    }
    return sent;
  });
  const walk = async (user: string, wanderer: Wanderer, rounds: number, mostBytes: number): Promise<void> => {
    for (let i = 0; i < rounds; i++) await visit(user, wanderer, 41 + Math.floor(Math.random() * mostBytes));
  };
  await Promise.all([
    walk("walker", walkers[0], 50, 4_000),
    walk("runner", walkers[1], 35, 30_000),
    walk("walker", walkers[2], 15, 200_000),
  ]).finally(() => {
    sending = false;
  });
  const total = (await Promise.all(burst)).reduce((sum, sent) => sum + sent, 0);

  for (const [i, wanderer] of walkers.entries()) {
    const known = () => [...wanderer.seqs.values()].reduce((sum, seqs) => sum + seqs.length, 0);
    for (let rounds = 0; known() < total && rounds < 50; rounds++) {
      await visit(i === 1 ? "runner" : "walker", wanderer, 1_000_000);
    }
    for (const chat of chats) {
      const seqs = wanderer.seqs.get(chat) ?? [];
      // Tick 1 made the chat, and nothing else ticks here.
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => n + 2));
    }
    expect(known()).toBe(total);
  }
  await Promise.all(senders.map((sender) => sender.close()));
}, 120_000);
