import { afterAll, beforeAll, expect, test } from "vitest";
import { openApi, personOf, say } from "../stomp/support/api.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { DIALECTS } from "./dialects.ts";

/** SYSTEM messages are told and shown where the dialect's clients know them, and nowhere else. */
const KNOW_THEM: readonly string[] = ["stomp", "websocket"];

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("matrix_system");
  server = await scene.start();
});
afterAll(() => scene.close());

test.each(DIALECTS.filter(({ listens }) => listens))("in $name", async (dialect) => {
  const api = await openApi(server);
  const ann = await personOf(server, api, `ann-${dialect.name}`, "Ann");
  const bob = `bob-${dialect.name}`;
  const made = await ann.post("/conversations", { name: "Trip", participantIds: [bob, "cyd"] });
  const conversation = made.body.data.id;
  const client = await dialect.connect(server, bob, [conversation]);
  await using _ = { [Symbol.asyncDispose]: () => client.close() };
  const told = () => client.heard.map(({ senderId, content }) => [senderId, content]);
  const known = KNOW_THEM.includes(dialect.name);
  const bySystem = (text: string) => (known ? [["", text]] : []);

  await ann.put(`/conversations/${conversation}`, { name: "Oslo" });
  await say(ann, conversation, "one");
  const first = [...bySystem("Ann changed the name to Oslo"), [ann.id, "one"]];
  await expect.poll(told, { timeout: 15_000 }).toEqual(first);

  client.drop();
  await ann.delete(`/conversations/${conversation}/participants/cyd`);
  await say(ann, conversation, "two");
  await client.comeBack();
  const all = [...first, ...bySystem("Ann removed cyd"), [ann.id, "two"]];
  await expect.poll(told, { timeout: 15_000 }).toEqual(all);
  const shown = await client.history(conversation);
  expect(shown.map(({ senderId, content }) => [senderId, content])).toEqual(all);
});
