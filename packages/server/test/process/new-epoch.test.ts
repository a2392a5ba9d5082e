import { readId } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { withClient } from "../support/postgres.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";

let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("new_epoch");
  server = await scene.start({ SWEEP_SECONDS: "1" });
});
afterAll(() => scene.close());

test("after a failover that lost commits, who comes back hears what is new, though others are still being closed", async () => {
  const [ann, bob] = await Promise.all(["ann", "bob"].map((user) => connect(server, { user })));
  if (ann === undefined || bob === undefined) throw new Error("not connected");
  const conversation = await openConversation(bob, ["ann", "carol"]);
  for (let i = 0; i < 10; i++) await say(bob, conversation, `lost ${i}`);
  // Answers no close frame: its connection is cut two seconds later.
  ann.socket.pause();
  await withClient(scene.database.connection, async (client) => {
    const id = readId("conversation", conversation);
    await client.query("delete from messages where conversation_id = $1", [id]);
    await client.query("update conversations set clock = 1, last_seq = 0, last_n = 0 where id = $1", [id]);
    await client.query("update instance set epoch = md5(random()::text)");
    await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'parlance' and datname = current_database()",
    );
  });
  expect(await bob.closed).toMatchObject({ code: 1012 });
  const carol = await connect(server, { user: "carol" });
  const back = await connect(server, { user: "bob" });
  const { seq } = await say(back, conversation, "in the new life");
  expect(seq).toBe(2);
  const heard = await carol.until((frame) => frame.event === "message.receive", "what is new");
  expect(heard.payload).toMatchObject({ content: "in the new life", seq: 2 });
  ann.drop();
});
