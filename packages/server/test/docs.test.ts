import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "./support/server.ts";

let scene: Scene;
let open: ServerProcess;
beforeAll(async () => {
  scene = await openScene("docs");
  open = await scene.start();
});
afterAll(() => scene.close());

test("the API document tells of every dialect's requests, with the schemas that check them", async () => {
  const { status, body } = await open.request("/docs/openapi.json");
  expect(status).toBe(200);
  expect(body.openapi).toBe("3.1.0");
  for (const path of [
    "/api/v1/messages",
    "/messages/{conversation_id}",
    "/chats/{chat_id}/messages",
    "/api/chat/conversations/{id}/messages",
    "/api/v1/chat/{conversation_id}",
    "/health",
  ]) {
    expect(Object.keys(body.paths)).toContain(path);
  }
  const send = body.paths["/api/chat/conversations/{id}/messages"].post;
  expect(send).toMatchObject({
    tags: ["Messages"],
    summary: "Sends a message",
    parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
    requestBody: {
      content: { "application/json": { schema: { $ref: "#/components/schemas/SendRequest" } } },
    },
    responses: {
      201: expect.anything(),
      default: {
        content: {
          "application/json": { example: { success: false, error: expect.any(String), data: null } },
        },
      },
    },
  });
  expect(body.paths["/api/chat/conversations/{id}/messages"].get.parameters).toContainEqual({
    name: "limit",
    in: "query",
    required: false,
    schema: { type: "integer", minimum: 1 },
  });
  const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/([^"]*)"/g)];
  const names = new Set(references.map(([, name]) => name));
  expect(names.size).toBeGreaterThan(10);
  for (const name of names) expect(body.components.schemas).toHaveProperty([name as string, "type"]);
  for (const [path, operations] of Object.entries<Record<string, { summary: string }>>(body.paths)) {
    if (!path.startsWith("/api/chat")) continue;
    for (const [method, { summary }] of Object.entries(operations)) {
      expect(summary, `${method} ${path}`).not.toBe("");
    }
  }
});

test("the page runs nothing and fetches nothing", async () => {
  const { status, headers, body } = await open.request("/docs");
  expect([status, headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  const style = /<style>(.*?)<\/style>/s.exec(body)?.[1] ?? "";
  const hash = createHash("sha256").update(style).digest("base64");
  expect(headers.get("content-security-policy")).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'`,
  );
  expect(body).toContain("/api/chat/conversations/direct/{userId}");
  expect(body).toContain('<details id="ChatMessage">');
  expect(body.match(/<script|<link|<img|https?:\/\//g)).toBeNull();
});
