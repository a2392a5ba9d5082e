import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { listen } from "./stream-client.ts";

let scene: Scene;
let server: ServerProcess;

beforeAll(async () => {
  scene = await openScene("sse_sandbox");
  server = await scene.start({ SWEEP_SECONDS: "1" });
});
afterAll(() => scene.close());

const say = (to: ServerProcess, chat: number, text: string, key: string) =>
  to.request(`/chats/${chat}/messages`, { headers: { "idempotency-key": key }, body: { text } });

describe("the sandbox", () => {
  test("many first uses at once, on two servers, make the four chats once", async () => {
    const next = await scene.start({ SWEEP_SECONDS: "1" });
    const lists = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? server : next).request("/chats")),
    );
    for (const { status, body } of lists) {
      expect(status).toBe(200);
      expect(body).toEqual(lists[0]?.body);
    }
    const chats = lists[0]?.body as { id: number; name: string }[];
    expect(chats.map(({ name }) => name).toSorted()).toEqual(["Jessica", "John", "Matt", "Sarah"]);
    for (const { id } of chats) {
      expect(Number.isSafeInteger(id)).toBe(true);
      const { body } = await server.request(`/chats/${id}/messages`);
      expect(body).toEqual([
        expect.objectContaining({ chat_id: id, author: "bot", sender_id: "bot", text: expect.any(String) }),
      ]);
    }
    // Whoever names somebody has their own chats.
    expect((await server.request("/chats", { headers: { "x-user-id": "ann" } })).body).toEqual([]);
    await next.stop();
  });

  test("each message is answered once after 3 to 5 seconds, though two servers hear it, and heard of on the stream", async () => {
    const next = await scene.start({ SWEEP_SECONDS: "1" });
    await next.request("/chats");
    const [{ id: chat }] = (await server.request("/chats")).body;
    const stream = await listen(server, {});
    const sent = await Promise.all([1, 2, 3].map((n) => say(server, chat, `Hello ${n}`, `hello-${n}`)));
    expect(sent.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(sent[0]?.body).toMatchObject({
      chat_id: chat,
      author: "user",
      sender_id: "user",
      text: "Hello 1",
    });
    await stream.until(() => stream.messages().length === 6, "three answers");
    const [answers, asked] = ["bot", "user"].map((author) =>
      stream.messages().filter((message) => message.author === author),
    ) as [{ sent_at: string }[], { sent_at: string }[]];
    expect([answers.length, asked.length]).toEqual([3, 3]);
    for (const { sent_at } of answers) {
      const waited = Date.parse(sent_at) - Date.parse(asked[0]?.sent_at as string);
      expect(waited).toBeGreaterThanOrEqual(2_900);
    }
    // Long enough for the other server's answers, had they been others.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect((await server.request(`/chats/${chat}/messages`)).body).toHaveLength(7);
    expect(stream.messages()).toHaveLength(6);
    await next.stop();
  }, 40_000);

  test("what a restart left without an answer is answered after it", async () => {
    const [, { id: chat }] = (await server.request("/chats")).body;
    await say(server, chat, "Are you there?", "restart");
    await server.stop();
    server = await scene.start();
    const stream = await listen(server, {});
    await stream.until(() => stream.messages().length === 1, "an answer");
    expect(stream.messages()[0]).toMatchObject({ chat_id: chat, author: "bot" });
  });

  test("SANDBOX_BOT=off stops the answers; the chats are there all the same", async () => {
    await using quiet = await openScene("sse_quiet");
    const silent = await quiet.start({ SANDBOX_BOT: "off" });
    const [{ id: chat }] = (await silent.request("/chats")).body;
    expect((await silent.request(`/chats/${chat}/messages`)).body).toHaveLength(1);
    await say(silent, chat, "Anybody?", "anybody");
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect((await silent.request(`/chats/${chat}/messages`)).body).toHaveLength(2);
  });
});
