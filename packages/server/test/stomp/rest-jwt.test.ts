import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { type Api, groupOf, openApi, type Person, personWith, say } from "./support/api.ts";

const SECRET = "b7Qm2XsLk9VtRz4WfYc8JhNdG5pEaU1oTi6K";

let scene: Scene;
let server: ServerProcess;
let api: Api;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
function sign(claims: object): string {
  const body = `${part({ alg: "HS256" })}.${part({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}
const person = (id: string): Person => personWith(api, id, sign({ sub: id, name: `Name of ${id}` }));

beforeAll(async () => {
  scene = await openScene("stomp_jwt");
  server = await scene.start({
    JWT_SECRET: SECRET,
    UNKNOWN_USERS: "reject",
    RATE_LIMIT_MESSAGES: "5",
    RATE_LIMIT_REACTIONS: "3",
  });
  api = await openApi(server, sign({ sub: "reader" }));
  for (const id of ["1", "2", "ann", "bob"]) await person(id).put("/users/me", {});
});
afterAll(() => scene.close());

test("names come with the tokens; a token may stand in the query as well", async () => {
  const id = await groupOf(person("1"), [person("2")]);
  const { body } = await person("2").get(`/conversations/${id}`);
  expect(body.data.participants).toMatchObject([
    { userId: 1, userName: "Name of 1" },
    { userId: 2, userName: "Name of 2" },
  ]);
  for (const name of ["token", "access_token"]) {
    const found = await api.call("GET", `/api/chat/conversations/${id}?${name}=${sign({ sub: "2" })}`);
    expect(found.status).toBe(200);
  }
});

test("the API's description needs a token too", async () => {
  for (const path of ["/docs", "/docs/openapi.json"]) expect((await server.request(path)).status).toBe(401);
});

test("who is unknown cannot be named, where users are imported", async () => {
  const ann = person("ann");
  expect((await ann.post("/conversations/direct/stranger")).status).toBe(404);
  expect((await ann.post("/conversations", { name: "g", userIds: ["stranger"] })).status).toBe(404);
  const id = await groupOf(ann, []);
  expect((await ann.post(`/conversations/${id}/participants`, { userIds: ["stranger"] })).status).toBe(404);
  expect((await ann.post("/users/stranger/block")).status).toBe(404);
});

describe("limits", () => {
  test("of messages and reactions are each user's own, say when to come back, and spare what is repeated", async () => {
    const bob = person("bob");
    const service = personWith(api, "service", sign({ sub: "backend", scope: "parlance:service" }));
    const made = await service.post(
      "/conversations",
      { name: "g", userIds: ["ann"] },
      { "x-user-id": "bob" },
    );
    const id = made.body.data.id;
    const send = (content: string, key: string) =>
      bob.post(`/conversations/${id}/messages`, { content }, { "idempotency-key": key });
    const sent: { readonly id: number }[] = [];
    for (let i = 0; i < 5; i++) sent.push((await send(`m${i}`, `k${i}`)).body.data);
    const refused = await send("m5", "k5");
    expect([refused.status, Number(refused.headers.get("retry-after"))]).toEqual([429, expect.any(Number)]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await send("m0", "k0")).toMatchObject({ status: 201, body: { data: sent[0] } });
    expect((await bob.put(`/messages/${sent[0]?.id}`, { content: "edited" })).status).toBe(429);
    const byService = await service.post(
      `/conversations/${id}/messages`,
      { content: "on behalf" },
      { "x-user-id": "bob" },
    );
    expect(byService).toMatchObject({ status: 201, body: { data: { senderId: "bob" } } });
    const react = (emoji: string) => bob.post(`/messages/${sent[0]?.id}/reactions`, { emoji });
    for (const emoji of ["👍", "🎉", "😀"]) expect((await react(emoji)).status).toBe(201);
    expect((await react("🔥")).status).toBe(429);
    expect(await say(person("ann"), id, "another's own")).toMatchObject({ senderId: "ann" });
  });
});
