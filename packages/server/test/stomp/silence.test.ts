import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { conversationOf, openLive, tokenOf } from "./support/live-client.ts";
import { openRaw, type RawClient } from "./support/raw-client.ts";

/** Connections that are there no more and never say so, on the real server. */

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("stomp_silence");
  server = await scene.start({ HEARTBEAT_SECONDS: "1" });
});
afterAll(() => scene.close());

async function connectAs(user: string, heartBeat: string, answersPings: boolean): Promise<RawClient> {
  const client = await openRaw(server.url, "/ws-raw", ["v12.stomp"], answersPings);
  const token = await tokenOf(server, user);
  client.send(`CONNECT\naccept-version:1.2\nheart-beat:${heartBeat}\ntoken:${token}\n\n\0`);
  const { headers } = await client.until("CONNECTED");
  expect(headers.get("heart-beat")).toBe("1000,1000");
  return client;
}

test.concurrent.each([
  ["promised heart-beats and sends none", "1000,0", true],
  ["promised none and answers no pings", "0,0", false],
])("who %s is closed, and seen to be gone", async (_, heartBeat, answersPings) => {
  const [gone, stays] = [`gone-${heartBeat}`, `stays-${heartBeat}`];
  await conversationOf(server, [gone, stays]);
  using watcher = await openLive(server, stays);
  await watcher.subscribe("presence");
  const silent = await connectAs(gone, heartBeat, answersPings);
  const since = performance.now();
  const isSeen = (status: string) => (told: { body: { userId: string; status: string } }) =>
    told.body.userId === gone && told.body.status === status;
  await watcher.until("presence", isSeen("ONLINE"));
  const { code } = await silent.closed;
  expect([1002, 1006]).toContain(code);
  expect(performance.now() - since).toBeGreaterThan(1_900);
  await watcher.until("presence", isSeen("OFFLINE"));
  expect(watcher.raw.socket.readyState).toBe(1);
});

test.concurrent("who promised none and answers pings, or sends what was promised, stays", async () => {
  const answering = await connectAs("answers", "0,0", true);
  const beating = await connectAs("beats", "1000,1000", false);
  const beat = setInterval(() => beating.send("\n"), 500);
  await new Promise((resolve) => setTimeout(resolve, 4_500));
  clearInterval(beat);
  for (const client of [answering, beating]) {
    expect(client.socket.readyState).toBe(1);
    client.socket.terminate();
  }
  // And was sent what it wanted.
  expect(beating.messages.filter((text) => text === "\n").length).toBeGreaterThanOrEqual(3);
});
