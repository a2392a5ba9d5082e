import { once } from "node:events";
import { rmSync } from "node:fs";
import { readId } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectOtherNode, type OtherNode } from "../support/other-node.ts";
import {
  openScene,
  type Scene,
  type ServerProcess,
  scratchDirectory,
  spawnMain,
  startServer,
} from "../support/server.ts";
import { connect, openConversation, say, type TestClient } from "../support/socket.ts";

/** What people do where another process did it: a server hears of it by its sweep alone. */
let scene: Scene;
let server: ServerProcess;
let other: OtherNode;

beforeAll(async () => {
  scene = await openScene("people_process");
  server = await scene.start();
  other = await connectOtherNode(scene.database);
});
afterAll(async () => {
  await other.close();
  await scene.close();
});

const number = (conversation: string): number => readId("conversation", conversation) as number;
const own = (client: TestClient) => client.all("conversation.changed").at(-1);

test("how a conversation is kept, set while a client was away, comes with its resume", async () => {
  const ann = await connect(server, { user: "pref-ann" });
  const conversation = await openConversation(ann, ["pref-bob"]);
  await say(ann, conversation, "hello");
  await ann.ask("ping");
  const position = ann.position();
  await ann.close();
  await other.people.setPreferences(number(conversation), "pref-ann", { muted: true, level: "mentions" });
  const again = await connect(server, { user: "pref-ann" });
  await again.ask("resume", { position });
  expect(own(again)).toMatchObject({
    conversation_id: conversation,
    muted: true,
    pinned: false,
    archived: false,
    level: "mentions",
    hidden: false,
    blocked: false,
    unread: 0,
  });
  await again.close();
});

test("a user deactivated by hand is put out within five seconds, and kept out until they are active again", async () => {
  const ann = await connect(server, { user: "out-ann" });
  const bob = await connect(server, { user: "out-bob" });
  const conversation = await openConversation(ann, ["out-bob"]);
  const at = performance.now();
  await other.people.setDeactivated("out-bob", true);
  expect(await bob.closed).toMatchObject({ code: 4001 });
  expect(performance.now() - at).toBeLessThan(5_000);
  expect(bob.all("error").at(-1)).toMatchObject({ code: "unauthenticated" });
  await say(ann, conversation, "hello?");
  await expect(connect(server, { user: "out-bob" })).rejects.toThrow("4001");
  const headers = { "x-user-id": "out-bob" };
  const body = { participants: ["out-ann"], name: "x" };
  expect((await server.request("/api/v1/chats", { headers, body })).status).toBe(401);
  await other.people.setDeactivated("out-bob", false);
  const back = await connect(server, { user: "out-bob" });
  await back.close();
  await ann.close();
});

test("deleted for everyone by another process: everybody is told, and nothing can be said or read there", async () => {
  const ann = await connect(server, { user: "del-ann" });
  const bob = await connect(server, { user: "del-bob" });
  const conversation = await openConversation(ann, ["del-bob"], "SECRET");
  await say(ann, conversation, "SECRET");
  await bob.until((frame) => frame.event === "message.receive", "the message");
  await other.change({ kind: "delete-conversation", conversationId: number(conversation) });
  for (const client of [ann, bob]) {
    const told = await client.until(
      (frame) => frame.event === "conversation.changed" && frame.payload.deleted === true,
      "the end of it",
    );
    expect(told.payload).toMatchObject({ name: null, participants: [], participant_count: 0 });
    expect(told.payload.removed.toSorted()).toEqual(["del-ann", "del-bob"]);
  }
  const refused = await bob.ask("message.send", { conversation_id: conversation, content: "still here?" });
  expect(refused.payload).toMatchObject({ code: "not_participant" });
  expect((await server.request(`/api/v1/chat/${conversation}`)).status).toBe(404);
  const inbox = await server.request("/api/v1/chats/del-bob");
  expect(inbox.body.chats).toEqual([]);
  await Promise.all([ann.close(), bob.close()]);
});

/** What the command line says, to either stream. */
async function parlance(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const child = spawnMain(argv, env);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
  await once(child, "close");
  return output.trim();
}

test("the command line deactivates and activates, over a database of one's own and over the embedded one", async () => {
  const dataDir = scratchDirectory();
  const embedded = await startServer({ DATA_DIR: dataDir });
  try {
    for (const [at, env] of [
      [server, { DATABASE_URL: scene.database.url, DATA_DIR: scene.dataDir }],
      [embedded, { DATA_DIR: dataDir }],
    ] as const) {
      expect(await parlance(["deactivate", "cli-user"], env)).toContain("no user");
      const client = await connect(at, { user: "cli-user" });
      expect(await parlance(["deactivate", "cli-user"], env)).toBe("cli-user is deactivated now");
      expect(await client.closed).toMatchObject({ code: 4001 });
      expect(await parlance(["deactivate", "cli-user"], env)).toBe("cli-user was deactivated already");
      expect(await parlance(["activate", "cli-user"], env)).toBe("cli-user is active now");
      await (await connect(at, { user: "cli-user" })).close();
    }
    await embedded.stop();
    expect(await parlance(["activate", "cli-user"], { DATA_DIR: dataDir })).toContain("start it first");
  } finally {
    await embedded.stop("SIGKILL");
    rmSync(dataDir, { recursive: true, force: true });
  }
});
