import { createHash, randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say } from "../support/socket.ts";
import { type Person, personOf, share, type UploadAnswer } from "./people.ts";

let scene: Scene;
let server: ServerProcess;
let ann: Person;
let bob: Person;
let eve: Person;
const UNKNOWN = "00000000-0000-4000-8000-000000000000";
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

beforeAll(async () => {
  scene = await openScene("attachments_use");
  server = await scene.start();
  [ann, bob, eve] = (await Promise.all(["ann", "bob", "eve"].map((id) => personOf(server, id)))) as [
    Person,
    Person,
    Person,
  ];
});
afterAll(() => scene.close());

const refusal = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "accepted",
    (error: Error) => /"code":"(\w+)"/.exec(error.message)?.[1] ?? error.message,
  );

test("bytes back are the bytes given, for participants only (G15)", async () => {
  const bytes = randomBytes(3_000_000);
  const { attachment, uploaded } = await share(ann, bob, bytes, { name: "Größe 1.bin" });
  expect(attachment).toEqual({
    id: uploaded.id,
    file_name: "Größe 1.bin",
    content_type: "application/octet-stream",
    size: bytes.length,
    width: null,
    height: null,
    url: `/api/chat/attachments/${uploaded.id}`,
    thumbnail_url: null,
  });
  const got = await bob.get(attachment.url);
  expect(got.status).toBe(200);
  expect(sha(new Uint8Array(await got.arrayBuffer()))).toBe(sha(bytes));
  expect((await eve.get(attachment.url)).status).toBe(404);
  expect((await bob.get(`${attachment.url}/thumbnail`)).status).toBe(404);
});

test("a message with files is like any other: ack, event, history, inbox, and a repeat of its key", async () => {
  const { body: first } = await ann.upload("one", { name: "one.txt" });
  const { body: second } = await ann.upload("two", { name: "two.txt" });
  const conversation = await openConversation(ann.client, ["ann", "bob"], "files");
  const ids = [second.data.id, first.data.id];
  const message = { message_id: "with-files", attachment_ids: ids };
  const ack = await say(ann.client, conversation, "look", message);
  expect(await say(ann.client, conversation, "look", message)).toMatchObject({ id: ack.id, duplicate: true });
  expect(await refusal(say(ann.client, conversation, "look", { message_id: "with-files" }))).toBe(
    "key_reused",
  );
  const told = await bob.client.until(({ payload }) => payload.id === ack.id, "the message");
  expect(told.payload).toMatchObject({
    content: "look",
    message_type: "file",
    message_id: "with-files",
    attachments: [{ file_name: "two.txt" }, { file_name: "one.txt" }],
  });
  const page = await server.request(`/api/v1/chat/${conversation}`, {
    headers: { authorization: `Bearer ${bob.token}` },
  });
  expect(page.body.messages[0]).toEqual(told.payload);
  expect(bob.client.all("message.receive").filter(({ id }) => id === ack.id)).toHaveLength(1);
  const carol = await connect(server, { token: bob.token });
  await carol.ask("resume", { epoch: carol.ready.epoch, positions: { [conversation]: 1 } });
  await carol.until(({ event }) => event === "resumed", "the end of the catch-up");
  expect(carol.all("message.receive")).toEqual([told.payload]);
  await carol.close();
  const inbox = await server.request("/api/v1/chats/bob", {
    headers: { authorization: `Bearer ${bob.token}` },
  });
  expect(inbox.body.chats[0]).toMatchObject({ conversation_id: conversation, unread: 1 });
});

test("a file is used once, by its uploader, and all of a message's or none", async () => {
  const conversation = await openConversation(ann.client, ["ann", "bob"], "once");
  const { body: mine } = await ann.upload("mine");
  const { body: other } = await ann.upload("other");
  const use = (by: Person, ids: readonly string[]) =>
    refusal(say(by.client, conversation, "", { attachment_ids: ids }));
  expect(await use(bob, [mine.data.id])).toBe("not_found");
  expect(await use(ann, [mine.data.id, UNKNOWN])).toBe("not_found");
  expect(await use(ann, ["mine"])).toBe("invalid");
  expect(await use(ann, [mine.data.id, mine.data.id])).toBe("invalid");
  expect(await use(ann, [mine.data.id])).toBe("accepted");
  expect(await use(ann, [other.data.id, mine.data.id])).toBe("conflict");
  expect(await use(ann, [other.data.id])).toBe("accepted");
  const page = await server.request(`/api/v1/chat/${conversation}`, {
    headers: { authorization: `Bearer ${ann.token}` },
  });
  expect(page.body.messages.map((message: { seq: number }) => message.seq)).toEqual([3, 2]);
});

test("of many messages at once that want one file, one gets it", async () => {
  const { body } = await ann.upload("wanted");
  const conversations = await Promise.all(
    Array.from({ length: 8 }, (_, i) => openConversation(ann.client, ["ann", "bob"], `race ${i}`)),
  );
  const outcomes = await Promise.all(
    conversations.map((conversation) =>
      refusal(say(ann.client, conversation, "", { attachment_ids: [body.data.id] })),
    ),
  );
  expect(outcomes.toSorted()).toEqual(["accepted", ...Array(7).fill("conflict")]);
});

test("white space is a message with a file, and none without", async () => {
  const conversation = await openConversation(ann.client, ["ann", "bob"]);
  expect(await refusal(say(ann.client, conversation, " "))).toBe("invalid");
  const { body } = await ann.upload("x");
  expect(await refusal(say(ann.client, conversation, " ", { attachment_ids: [body.data.id] }))).toBe(
    "accepted",
  );
});

test("what is detached, deleted, or of a conversation one has left is not there (UP8)", async () => {
  const { body } = await ann.upload("detached");
  expect((await ann.get(`/api/chat/attachments/${body.data.id}`)).status).toBe(404);
  expect((await ann.get(`/api/chat/attachments/${UNKNOWN}`)).status).toBe(404);
  expect((await ann.get("/api/chat/attachments/..%2f..%2fetc")).status).toBe(404);

  const { conversation, ack, attachment } = await share(ann, bob, "secret");
  expect((await bob.get(attachment.url)).status).toBe(200);
  await ann.client.ask("message.delete", { conversation_id: conversation, message_id: ack.id });
  expect((await bob.get(attachment.url)).status).toBe(404);
  expect((await ann.get(attachment.url)).status).toBe(404);
  const told = await bob.client.until(
    ({ event, payload }) => event === "message.updated" && payload.id === ack.id,
    "the deletion",
  );
  expect(told.payload).toMatchObject({ content: "", attachments: [] });
});

test("a link works without a token, for whom it was made, as long as they may (UP8)", async () => {
  const { attachment, uploaded } = await share(ann, bob, "by link");
  const fetchAs = async (url: string, headers = {}) => (await fetch(server.url + url, { headers })).status;
  expect(uploaded.url).toMatch(/\?user=ann&expires=\d+&signature=/);
  expect(await fetchAs(uploaded.url)).toBe(200);
  expect(await fetchAs(uploaded.url, { authorization: `Bearer ${eve.token}` })).toBe(404);
  expect(await fetchAs(attachment.url)).toBe(401);
  expect(await fetchAs(uploaded.url.replace("user=ann", "user=bob"))).toBe(403);
  expect(await fetchAs(uploaded.url.replace(/expires=\d/, "expires=9"))).toBe(403);
  expect(await fetchAs(uploaded.url.replace(/signature=../, "signature=AA"))).toBe(403);
  expect(await fetchAs(uploaded.url.replace(uploaded.id, UNKNOWN))).toBe(403);
  expect(await fetchAs(`${uploaded.url}&user=ann`)).toBe(403);
  const other = await scene.start();
  expect((await fetch(other.url + uploaded.url)).status, "on another process").toBe(200);
});

test("a reader asks for a link to one file; it opens that alone, and nothing once they were let out (UP8)", async () => {
  const group = await openConversation(ann.client, ["ann", "bob", "carl"], "links");
  const { body } = await ann.upload("for the group", { name: "g.txt", type: "text/plain" });
  await say(ann.client, group, "", { attachment_ids: [body.data.id] });
  const path = `/api/chat/attachments/${body.data.id}`;
  const asked = await bob.get(`${path}/link`);
  expect(asked.status).toBe(200);
  const { url, thumbnailUrl, expiresAt } = ((await asked.json()) as UploadAnswer["body"]).data;
  expect(url).toMatch(/\?user=bob&expires=\d+&signature=/);
  expect(url).not.toContain("token");
  expect(thumbnailUrl).toBeNull();
  const leftMinutes = (Date.parse(expiresAt) - Date.now()) / 60_000;
  expect(leftMinutes).toBeGreaterThan(54);
  expect(leftMinutes).toBeLessThan(61);

  const follow = (link: string, headers = {}) => fetch(server.url + link, { headers });
  const range = await follow(url, { range: "bytes=4-6" });
  expect([range.status, await range.text()]).toEqual([206, "the"]);
  const other = await share(ann, bob, "another file");
  expect((await follow(url.replace(body.data.id, other.uploaded.id))).status).toBe(403);
  expect((await follow(url.replace("?", "/link?"))).status, "a link leads to no other link").toBe(401);
  expect((await follow(`${path}/link`)).status).toBe(401);
  expect((await eve.get(`${path}/link`)).status).toBe(404);
  expect((await bob.get(`/api/chat/attachments/${UNKNOWN}/link`)).status).toBe(404);

  const removed = await fetch(`${server.url}/api/chat/conversations/${group}/participants/bob`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${ann.token}` },
  });
  expect(removed.status).toBe(200);
  expect((await follow(url)).status).toBe(404);
  expect((await bob.get(`${path}/link`)).status).toBe(404);
});

test("the text beside a file can be taken away again, and only there", async () => {
  const { conversation, ack } = await share(ann, bob, "captioned");
  const edit = async (message_id: string, content: string) =>
    (await ann.client.ask("message.edit", { conversation_id: conversation, message_id, content })).event;
  expect(await edit(ack.id, "caption")).toBe("ok");
  expect(await edit(ack.id, "")).toBe("ok");
  const plain = await say(ann.client, conversation, "plain");
  expect(await edit(plain.id, "")).toBe("error");
});

test("where dialects know no attachments, their names stand in brackets", async () => {
  const { body } = await ann.upload("x", { name: "report.pdf" });
  const { body: other } = await ann.upload("x", { name: "b.txt" });
  const conversation = await openConversation(ann.client, ["ann", "bob"]);
  await say(ann.client, conversation, "", { attachment_ids: [body.data.id, other.data.id] });
  const page = await server.request("/api/v1/messages?user1=ann&user2=bob", {
    headers: { authorization: `Bearer ${bob.token}` },
  });
  expect(page.body.data[0].content).toBe("[report.pdf] [b.txt]");
});

test("uploads are limited by the minute in jwt mode, and a token of a service is not", async () => {
  const secret = randomBytes(40).toString("base64url");
  const limited = await scene.start({ JWT_SECRET: secret });
  const tokenOf = (claims: object) =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h")
      .sign(Buffer.from(secret));
  const upload = async (token: string, as?: string) => {
    const response = await fetch(`${limited.url}/api/chat/attachments`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, ...(as !== undefined && { "x-user-id": as }) },
      body: "x",
    });
    return { status: response.status, retry: response.headers.get("retry-after") };
  };
  const user = await tokenOf({ sub: "ann" });
  for (let i = 0; i < 10; i++) expect((await upload(user)).status).toBe(201);
  expect(await upload(user)).toEqual({ status: 429, retry: expect.stringMatching(/^[1-6]$/) });
  const service = await tokenOf({ sub: "svc", scope: "parlance:service" });
  expect((await upload(service, "ann")).status).toBe(201);
  expect((await upload(service)).status).toBe(401);
  const link = `${limited.url}/api/chat/attachments/${UNKNOWN}/link`;
  expect((await fetch(link, { headers: { authorization: `Bearer ${service}` } })).status).toBe(401);
});
