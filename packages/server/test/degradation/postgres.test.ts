import { afterAll, beforeAll, expect, test } from "vitest";
import { type OwnPostgres, startOwnPostgres } from "../support/own-postgres.ts";
import { openSpeaker, REFUSED, type Speaker } from "../support/say-everywhere.ts";
import { type ServerProcess, scratchDirectory, startServer } from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";

/** The rows of docs/operations.md, "When something is away", that begin with PostgreSQL. */
let postgres: OwnPostgres;
let server: ServerProcess;
let speaker: Speaker;
beforeAll(async () => {
  postgres = await startOwnPostgres();
  server = await startServer({ DATABASE_URL: postgres.url(), DATA_DIR: scratchDirectory() });
  speaker = await openSpeaker(server);
});
afterAll(async () => {
  await speaker.close();
  await server.stop();
  await postgres.close();
});

const ready = async () => {
  const { status, body } = await server.request("/ready");
  return [status, body.store];
};
const refusedEverywhere = Object.fromEntries(
  Object.entries(REFUSED).map(([dialect, refusal]) => [dialect, { ok: false, refusal }]),
);

test("gone: nothing is taken, each dialect says so, connections stay; it heals when that is back", async () => {
  const ann = await connect(server, { user: "stays" });
  await postgres.stop();
  expect(await speaker.say("to nobody")).toEqual(refusedEverywhere);
  expect(await ready()).toEqual([503, "nothing can be stored"]);
  expect((await server.request("/health")).status).toBe(200);
  expect((await server.request("/api/v1/messages?user1=a&user2=b")).status).toBe(503);
  await postgres.start();
  await speaker.untilHeard();
  await expect.poll(ready).toEqual([200, "ok"]);
  await openConversation(ann, ["somebody"]);
  await ann.close();
});

test("restarting while messages come: what is repeated under its key is stored once, in order", async () => {
  const [ann, bob] = [await connect(server, { user: "re-ann" }), await connect(server, { user: "re-bob" })];
  const conversation = await openConversation(ann, ["re-bob"]);
  const insist = async (content: string): Promise<void> => {
    for (;;) {
      const { event, payload } = await ann.ask("message.send", {
        conversation_id: conversation,
        content,
        message_id: content,
      });
      if (event === "message.ack") return;
      expect(payload.code).toBe("unavailable");
    }
  };
  const restart = (async () => {
    await bob.until((frame) => frame.payload.content === "m3", "some messages");
    await postgres.stop();
    await postgres.start();
  })();
  const contents = Array.from({ length: 60 }, (_, i) => `m${i}`);
  for (const content of contents) {
    await insist(content);
    if (content === "m5") await restart;
  }
  await bob.until((frame) => frame.payload.content === "m59", "the last message");
  expect(bob.all("message.receive").map(({ content }) => content)).toEqual(contents);
  await Promise.all([ann, bob].map((client) => client.close()));
}, 60_000);

test("failed over to another timeline: connections end and resume with a reset, and all goes on", async () => {
  const ann = await connect(server, { user: "over-ann" });
  const conversation = await openConversation(ann, ["over-bob"]);
  await say(ann, conversation, "before");
  await ann.until((frame) => frame.event === "position", "a position");
  await postgres.failOver();
  expect(await ann.closed).toMatchObject({ code: 1012 });
  const back = await connect(server, { user: "over-ann" });
  await back.ask("resume", { position: ann.position() });
  expect(back.all("reset")).toMatchObject([{ reason: "epoch_changed" }]);
  expect((await say(back, conversation, "after")).seq).toBe(3);
  await back.close();
  await speaker.close().catch(() => {});
  speaker = await openSpeaker(server);
  await speaker.untilHeard();
}, 60_000);

test("read-only: nothing is taken, what is stored is read; it heals when that may be written again", async () => {
  const database = (await postgres.sql("select current_database() as name")).rows[0].name;
  const endSessions =
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'parlance'";
  await postgres.sql(`alter database ${database} set default_transaction_read_only = on`);
  await postgres.sql(endSessions);
  expect(await speaker.say("to nobody")).toEqual(refusedEverywhere);
  await expect.poll(ready).toEqual([503, "nothing can be stored"]);
  expect((await server.request("/api/v1/chats/over-ann")).body.chats).toHaveLength(1);
  await postgres.sql(`alter database ${database} reset default_transaction_read_only`);
  // Sessions that were opened meanwhile are given up with the next thing that is refused.
  await speaker.untilHeard();
  await expect.poll(ready).toEqual([200, "ok"]);
}, 60_000);

test("out of connections: nothing is taken that needs a new one; it heals when there are some", async () => {
  await postgres.sql("create role app login; grant parlance to app".replace("parlance", await owner()));
  const limited = await startServer({ DATABASE_URL: postgres.url("app"), DATA_DIR: scratchDirectory() });
  const heard = await openSpeaker(limited);
  await heard.untilHeard();
  await postgres.sql("alter role app connection limit 0");
  await postgres.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'");
  expect(await heard.say("to nobody")).toEqual(refusedEverywhere);
  expect((await limited.request("/ready")).status).toBe(503);
  await postgres.sql("alter role app connection limit -1");
  await heard.untilHeard();
  expect((await limited.request("/ready")).status).toBe(200);
  await heard.close();
  await limited.stop();
}, 60_000);

async function owner(): Promise<string> {
  return (await postgres.sql("select current_user as name")).rows[0].name;
}
