import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readId, spellUuid } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { upTo } from "../support/node.ts";
import { withClient } from "../support/postgres.ts";
import { describeWithRedis, startRedis, type TestRedis } from "../support/redis.ts";
import { MAIN, openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, say } from "../support/socket.ts";

const PATH = "/api/v1/messages";

describeWithRedis("the queue dialect on two processes", () => {
  let scene: Scene;
  let redis: TestRedis;
  let one: ServerProcess;
  let other: ServerProcess;
  beforeAll(async () => {
    [scene, redis] = await Promise.all([openScene("queue_processes"), startRedis({ appendFsync: "always" })]);
    [one, other] = await Promise.all([start(), start()]);
  });
  afterAll(async () => {
    await scene.close();
    await redis.close();
  });

  const start = () => scene.start({ REDIS_URL: redis.url });
  const pair = (): [string, string] => [`a-${randomUUID()}`, `b-${randomUUID()}`];
  const post = (
    server: ServerProcess,
    [sender_id, receiver_id]: readonly [string, string],
    content: string,
    key?: string,
  ) =>
    server.request(PATH, {
      body: { sender_id, receiver_id, content },
      ...(key !== undefined && { headers: { "idempotency-key": key } }),
    });
  const page = async (server: ServerProcess, [user1, user2]: readonly [string, string], limit = 100) =>
    (await server.request(`${PATH}?user1=${user1}&user2=${user2}&limit=${limit}`)).body;
  const total = (people: readonly [string, string], count: number) =>
    expect
      .poll(async () => (await page(other, people)).pagination.total_count, {
        timeout: 30_000,
        interval: 100,
      })
      .toBe(count);
  const conversationsHeld = (work: () => Promise<void>) =>
    withClient(scene.database.connection, async (client) => {
      await client.query("begin");
      await client.query("select from conversations for update");
      try {
        await work();
      } finally {
        await client.query("rollback");
      }
    });

  test("a retry on the other process has the first one's id, waiting and stored", async () => {
    const people = pair();
    await post(one, people, "first");
    await total(people, 1);
    const ids: string[] = [];
    await conversationsHeld(async () => {
      const answers = await Promise.all(
        upTo(20).map((i) => post(i % 2 ? one : other, people, "again and again", "k")),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      ids.push(...answers.map(({ body }) => body.message_id));
      expect((await post(one, people, "something else", "k")).status).toBe(422);
      expect((await page(other, people)).pagination.total_count).toBe(1);
    });
    await total(people, 2);
    expect((await post(other, people, "again and again", "k")).body.message_id).toBe(ids[0]);
    expect((await post(other, people, "something else", "k")).status).toBe(422);
    expect(new Set(ids).size).toBe(1);
    expect((await page(one, people)).data[0].message_id).toBe(ids[0]);
  });

  test("a message that waits is marked as read by its receiver, and by nobody else", async () => {
    const people = pair();
    await post(one, people, "first");
    await total(people, 1);
    await conversationsHeld(async () => {
      const { message_id } = (await post(one, people, "to be read")).body;
      const mark = (user: string) =>
        other.request(`${PATH}/${message_id}/read`, { method: "PATCH", headers: { "x-user-id": user } });
      expect((await mark(people[0])).status).toBe(403);
      expect((await mark("a stranger")).status).toBe(404);
      expect((await mark(people[1])).body).toEqual({ status: "read" });
    });
    await total(people, 2);
    await expect
      .poll(async () => (await page(one, people)).data.map((message: { read: boolean }) => message.read))
      .toEqual([true, false]);
  });

  test("a message's time is when it was accepted, in every dialect, live and read", async () => {
    const people = pair();
    await post(one, people, "first");
    await total(people, 1);
    const reader = await connect(other, { user: people[1] });
    let accepted = Number.NaN;
    const posted = Date.now();
    await conversationsHeld(async () => {
      await post(one, people, "early");
      accepted = Date.now();
      // So that being stored is another time.
      await new Promise((resolve) => setTimeout(resolve, 500));
    });
    const heard = await reader.until(({ payload }) => payload.content === "early", "the message");
    const { created_at, conversation_id } = heard.payload;
    expect(created_at).toBeGreaterThanOrEqual(posted);
    expect(created_at).toBeLessThanOrEqual(accepted);

    const id = readId("conversation", conversation_id) as number;
    const { token } = (await other.request("/api/dev/token", { body: { user: people[1] } })).body;
    const ask = async (path: string) =>
      (await other.request(path, { headers: { authorization: `Bearer ${token}` } })).body;
    const read = {
      queue: (await page(other, people)).data[0].timestamp,
      socketio: (await ask(`/messages/${spellUuid("conversation", id)}`)).data.messages.at(-1).created_at,
      sse: (await ask(`/chats/${id}/messages`)).at(-1).sent_at,
      stomp: (await ask(`/api/chat/conversations/${id}/messages`)).data.at(-1).createdAt,
      "stomp's list": (await ask("/api/chat/conversations")).data.items[0].lastMessageAt,
      websocket: (await ask(`/api/v1/chat/${conversation_id}`)).messages[0].created_at,
    };
    const text = new Date(created_at).toISOString();
    expect(read).toEqual({
      queue: text,
      socketio: text,
      sse: text,
      stomp: text,
      "stomp's list": text,
      websocket: created_at,
    });
    await say(reader, conversation_id, "late");
    expect(Date.parse((await page(one, people)).data[0].timestamp)).toBeGreaterThanOrEqual(accepted + 400);
    await reader.close();
  });

  test("what cannot be stored is listed and replayed from the command line", async () => {
    const people = pair();
    await post(one, people, "first");
    await total(people, 1);
    const sql = (text: string) =>
      withClient(scene.database.connection, (client) => client.query(text, [people[0]]));
    await sql("update participants set left_seq = 1 where user_id = $1");
    // The process still knows the sender as one who takes part.
    const late = await post(one, people, "too late");
    const accepted = Date.now();
    const run = (...argv: string[]) =>
      execFileSync(process.execPath, [MAIN, "dead-letters", ...argv], {
        env: { PATH: process.env.PATH, DATABASE_URL: scene.database.url, REDIS_URL: redis.url },
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
    expect(late.status).toBe(202);
    await expect.poll(() => run("list"), { timeout: 20_000 }).toContain(late.body.message_id);
    expect(run("list")).toMatch(/\tnot_participant\t.*\n1 could not be stored\n$/);
    await sql("update participants set left_seq = null where user_id = $1");
    expect(run("replay", "--all")).toBe("1 put back into the queue\n");
    await total(people, 2);
    expect(Date.parse((await page(one, people)).data[0].timestamp)).toBeLessThanOrEqual(accepted);
    expect(run("list")).toBe("0 could not be stored\n");
    expect(() => run("replay", "0/1-1")).toThrow("there is no dead letter 0/1-1");
  });

  test("killed with a backlog: the other stores all that was accepted, in order and once", async () => {
    const people = pair();
    await post(one, people, "first");
    await total(people, 1);
    const accepted: string[] = [];
    await conversationsHeld(async () => {
      for (const i of upTo(300)) {
        accepted.push(
          (await post(i % 2 ? one : other, people, `m${i}`, i % 3 ? `k${i}` : undefined)).body.message_id,
        );
      }
      await one.stop("SIGKILL");
    });
    await total(people, 301);
    const { data } = await page(other, people);
    expect(data.map((message: { message_id: string }) => message.message_id)).toEqual(
      accepted.slice(-100).toReversed(),
    );
    one = await start();
    expect(one.output()).not.toContain("may be lost");
  });
});
