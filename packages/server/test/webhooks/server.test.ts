import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { groupOf, openApi, personOf, say } from "../stomp/support/api.ts";
import { upTo } from "../support/node.ts";
import { openScene, type Scene, type ServerProcess, scratchDirectory } from "../support/server.ts";
import { makeCertificates } from "./support/certificates.ts";
import { openReceiver, type Receiver, verify } from "./support/receiver.ts";

let scene: Scene;
let server: ServerProcess;
let receiver: Receiver;

beforeAll(async () => {
  scene = await openScene("webhooks_server");
  server = await scene.start({ WEBHOOK_ALLOW_PRIVATE: "on" });
});
afterAll(() => scene.close());
beforeEach(async () => {
  receiver = await openReceiver();
  return () => receiver[Symbol.asyncDispose]();
});

const PATH = "/api/chat/webhooks";
const call = (method: string, path: string, body?: object) =>
  server.request(PATH + path, { method, ...(body !== undefined && { body }) });

async function people(of = server) {
  const api = await openApi(of);
  return { ann: await personOf(of, api, "ann", "Ann"), bob: await personOf(of, api, "2", "Bob") };
}

test("registered, told, looked at, changed, removed; the secret is shown once", async () => {
  const made = await call("POST", "", { url: `${receiver.url}/a`, events: ["chat_message.sent"] });
  expect(made).toMatchObject({
    status: 201,
    body: { success: true, error: null, data: { events: ["chat_message.sent"], active: true } },
  });
  const { id, secret } = made.body.data;
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);

  const { ann, bob } = await people();
  const conversationId = await groupOf(ann, [bob]);
  const message = await say(bob, conversationId, "hello");
  const [one] = await receiver.count(1, "/a");
  if (one === undefined) throw new Error("nothing came");
  expect(verify(one, secret)).toEqual(one.event);
  expect(one.event).toMatchObject({
    type: "chat_message.sent",
    data: { id: message.id, conversationId, seq: 2, senderId: 2, senderName: "Bob", content: "hello" },
  });

  const listed = await call("GET", "");
  const log = await call("GET", `/${id}/deliveries`);
  expect(log.body.data).toMatchObject({
    items: [
      { type: "chat_message.sent", conversationId, seq: 2, webhookMessageId: one.headers["webhook-id"] },
    ],
    nextCursor: null,
  });
  for (const path of [
    `/deliveries/${log.body.data.items[0].id}`,
    `/${id}/deliveries/${log.body.data.items[0].id}`,
  ])
    expect(await call("POST", `${path}/replay`)).toMatchObject({ status: 200, body: { success: true } });
  const again = await receiver.count(2, "/a");
  expect(again[1]?.headers["webhook-id"]).toBe(one.headers["webhook-id"]);

  const own = `whsec_${Buffer.alloc(24, 7).toString("base64")}`;
  const changed = await call("PUT", `/${id}`, { url: `${receiver.url}/b`, events: ["*"], secret: own });
  expect(changed).toMatchObject({
    status: 200,
    body: { data: { id, url: `${receiver.url}/b`, secret: own } },
  });
  await bob.post(`/messages/${message.id}/reactions`, { emoji: "👍" });
  const [reaction] = await receiver.count(1, "/b");
  expect(reaction?.event).toMatchObject({
    type: "chat_message.reaction",
    data: { messageId: message.id, emoji: "👍", added: true, userId: 2, summary: { "👍": 1 } },
  });

  const off = await call("PUT", `/${id}`, { active: false });
  expect(off.body.data).toMatchObject({ active: false, disabledReason: "request" });
  expect((await call("POST", `/deliveries/${log.body.data.items[0].id}/replay`)).status).toBe(409);
  expect((await call("DELETE", `/${id}`)).status).toBe(200);
  for (const [method, path, body] of [
    ["DELETE", `/${id}`],
    ["PUT", `/${id}`, { active: true }],
    ["GET", `/${id}/deliveries`],
    ["POST", `/deliveries/${id}-1/replay`],
  ] as const) {
    expect(await call(method, path, body)).toMatchObject({
      status: 404,
      body: { success: false, data: null },
    });
  }
  for (const text of [JSON.stringify(listed.body), JSON.stringify(log.body), server.output()]) {
    expect(text).not.toContain(secret.slice(6));
    expect(text).not.toContain(own.slice(6));
  }
});

test("what cannot be: 400, and nothing is registered", async () => {
  const url = receiver.url;
  for (const body of [
    {},
    { url: 5 },
    { url: "ftp://example.org/" },
    { url: "http://u:p@example.org/" },
    { url, events: [] },
    { url, events: ["chat_message"] },
    { url, events: "*" },
    { url, secret: "short" },
    { url, secret: `whsec_${"A".repeat(8)}` },
    { url, secret: `whsec_${Buffer.alloc(65).toString("base64")}` },
    { url, other: 1 },
  ]) {
    expect(await call("POST", "", body), JSON.stringify(body)).toMatchObject({ status: 400 });
  }
  for (const path of [
    "/deliveries/x/replay",
    "/deliveries/1/replay",
    "/deliveries/0-1/replay",
    "/deliveries/1-2-3x/replay",
  ])
    expect([400, 404]).toContain((await call("POST", path)).status);
  for (const path of ["/0/deliveries", "/x/deliveries", "/1/deliveries?cursor=x"])
    expect((await call("GET", path)).status).toBe(400);
  expect((await call("GET", "")).body.data).toEqual({ items: [], nextCursor: null });
});

test("only whom it is for; private addresses are refused unless they are allowed", async () => {
  const { ann } = await people();
  for (const answer of [
    await ann.get("/webhooks"),
    await ann.post("/webhooks", { url: receiver.url }),
    await ann.put("/webhooks/1", {}),
    await ann.delete("/webhooks/1"),
    await ann.get("/webhooks/1/deliveries"),
    await ann.post("/webhooks/deliveries/1-1/replay"),
  ])
    expect(answer.status).toBe(403);
  const strict = await scene.start();
  const refused = await strict.request(PATH, { body: { url: receiver.url } });
  expect(refused).toMatchObject({ status: 400, body: { success: false } });
  await strict.stop();
});

test("killed while events are being sent: the next process sends each at least once, in order", async () => {
  await call("POST", "", { url: `${receiver.url}/kill`, events: ["chat_message.sent"] });
  receiver.answer((response) => setTimeout(() => response.writeHead(204).end(), 20));
  const { ann, bob } = await people();
  const conversationId = await groupOf(ann, [bob]);
  const said: string[] = [];
  for (const i of upTo(30)) said.push((await say(ann, conversationId, `n${i}`)).content);
  await receiver.count(5, "/kill");
  await server.stop("SIGKILL");
  server = await scene.start({ WEBHOOK_ALLOW_PRIVATE: "on" });
  for (let all = new Set<string>(); all.size < 30; ) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    all = new Set(receiver.on("/kill").map(({ event }) => event.data.content));
  }
  const firsts = [...new Set(receiver.on("/kill").map(({ event }) => event.data.content))];
  expect(firsts).toEqual(said);
  const ids = new Map(
    receiver.on("/kill").map(({ event, headers }) => [headers["webhook-id"], event.data.id]),
  );
  expect(ids.size).toBe(30);
}, 90_000);

describe.skipIf(spawnSync("openssl", ["version"]).status !== 0)("over TLS", () => {
  test("what is not vouched for, has ended, or is another host's is a failure, and nothing was said", async () => {
    const directory = scratchDirectory();
    const certificates = makeCertificates(directory);
    await using vouched = await openReceiver("localhost", certificates.good);
    await using strange = await openReceiver("localhost", certificates.strange);
    await using ended = await openReceiver("localhost", certificates.ended);
    await using another = await openReceiver("localhost", certificates.another);
    // Of its own: whoever shares its database sends what it has to send, and trusts others.
    await using apart = await openScene("webhooks_tls");
    const tls = await apart.start({
      WEBHOOK_ALLOW_PRIVATE: "on",
      NODE_EXTRA_CA_CERTS: certificates.authority,
    });
    const register = async ({ url }: Receiver): Promise<number> =>
      (await tls.request(PATH, { body: { url, events: ["chat_message.sent"] } })).body.data.id;
    const failing = [await register(strange), await register(ended), await register(another)];
    await register(vouched);

    const { ann } = await people(tls);
    await say(ann, await groupOf(ann, []), "hello");
    await vouched.count(1);
    const lastAnswer = async (id: number) =>
      (await tls.request(`${PATH}/${id}/deliveries`)).body.data.items[0]?.lastAnswer;
    await expect
      .poll(() => Promise.all(failing.map(lastAnswer)), { timeout: 15_000 })
      .toEqual([
        "no trusted certificate (DEPTH_ZERO_SELF_SIGNED_CERT)",
        "no trusted certificate (CERT_HAS_EXPIRED)",
        "no trusted certificate (ERR_TLS_CERT_ALTNAME_INVALID)",
      ]);
    for (const { received } of [strange, ended, another]) expect(received).toEqual([]);
    rmSync(directory, { recursive: true });
  });
});
