import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, type Received, say, type TestClient } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;

beforeAll(async () => {
  scene = await openScene("ws_resume_load");
  server = await scene.start({ SWEEP_SECONDS: "1" });
});
afterAll(() => scene.close());

/** A client that trusts nothing but its last position: what it was told after that counts as never told. */
interface Wanderer {
  position: string;
  /** The last tick of each conversation that its position covers. */
  readonly covered: Map<string, number>;
}

/**
 * One connection that resumes and is cut after so many frames, wherever that falls. Throws where a message is
 * missing, doubled or out of order. Resolves to whether it had caught up.
 */
function visit(user: string, wanderer: Wanderer, framesToRead: number): Promise<boolean> {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws?user_id=${user}`);
  const told = new Map(wanderer.covered);
  let left = framesToRead;
  let caughtUp = false;
  return new Promise((resolve, reject) => {
    socket.on("message", (data) => {
      if (left === 0) return;
      const { event, payload } = JSON.parse(String(data)) as Received;
      if (event === "ready") {
        socket.send(JSON.stringify({ event: "resume", payload: { position: wanderer.position } }));
        return;
      }
      if (event === "message.receive") {
        const before = told.get(payload.conversation_id) ?? 0;
        if (payload.seq !== before + 1) {
          left = 0;
          socket.terminate();
          reject(new Error(`${payload.conversation_id}: ${payload.seq} came after ${before}`));
          return;
        }
        told.set(payload.conversation_id, payload.seq);
      }
      if (event === "position" || event === "resumed") {
        wanderer.position = payload.position;
        for (const [id, tick] of told) wanderer.covered.set(id, tick);
        if (event === "resumed") caughtUp = true;
      }
      if (--left === 0) socket.terminate();
    });
    socket.on("error", reject);
    socket.on("close", (code) => {
      if (left === 0) resolve(caughtUp);
      else reject(new Error(`closed with ${code}`));
    });
  });
}

test("130 resumes in the middle of a burst, cut at any frame: nothing lost, doubled or out of order", async () => {
  const senders = (await Promise.all(
    Array.from({ length: 5 }, (_, i) => connect(server, { user: `sender-${i}` })),
  )) as TestClient[];
  const everybody = [...senders.map((_, i) => `sender-${i}`), "walker", "runner", "stayer"];
  const conversations: string[] = [];
  for (const name of ["One", "Two", "Three"]) {
    conversations.push(await openConversation(senders[0] as TestClient, everybody, name));
  }
  const start = await connect(server, { user: "stayer" });
  const wanderer = (): Wanderer => ({
    position: start.ready.position,
    covered: new Map(conversations.map((id) => [id, 1])),
  });

  let sending = true;
  const burst = senders.map(async (sender, s) => {
    let sent = 0;
    while (sending) {
      const some = Array.from({ length: 1 + (sent % 4) }, () =>
        say(sender, conversations[(s + sent++) % 3] as string, `${s} ${sent}`),
      );
      await Promise.all(some);
      await new Promise((resolve) => setTimeout(resolve, sent % 9));
    }
    return sent;
  });
  const walk = async (user: string, rounds: number, mostFrames: number) => {
    const own = wanderer();
    let caughtUp = 0;
    for (let i = 0; i < rounds; i++) {
      if (await visit(user, own, 1 + Math.floor(Math.random() * mostFrames))) caughtUp++;
    }
    return { own, caughtUp };
  };
  const walks = [walk("walker", 60, 60), walk("runner", 50, 300), walk("walker", 20, 1_000)];
  const walked = await Promise.all(walks).finally(() => {
    sending = false;
  });
  const total = (await Promise.all(burst)).reduce((sum, sent) => sum + sent, 0);
  expect(walked.reduce((sum, { caughtUp }) => sum + caughtUp, 0)).toBeGreaterThan(20);

  for (const { own } of walked) {
    // One that stays long enough ends up with everything.
    const last = await connect(server, { user: "runner" });
    const answer = await last.ask("resume", { position: own.position });
    for (const { event, payload } of last.frames.slice(0, last.frames.indexOf(answer))) {
      if (event !== "message.receive") continue;
      expect(payload.seq).toBe((own.covered.get(payload.conversation_id) ?? 0) + 1);
      own.covered.set(payload.conversation_id, payload.seq);
    }
    const told = [...own.covered.values()].reduce((sum, tick) => sum + tick - 1, 0);
    expect(told).toBe(total);
    await last.close();
  }
  await start.until(() => start.all("message.receive").length === total, "all messages");
}, 60_000);
