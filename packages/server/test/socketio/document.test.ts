import { io } from "socket.io-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";

/** The document's own words, host, port and ids replaced. */
let scene: Scene;
let server: ServerProcess;
beforeAll(async () => {
  scene = await openScene("sio_document");
  server = await scene.start();
});
afterAll(() => scene.close());

const MATCH = "0b0f6c0e-5f0a-4a34-8d7e-6d4c6b3b1a11";
const PEOPLE = ["5f0c1c9e-1111-4e2b-9c55-2b1f8a6f0001", "5f0c1c9e-2222-4e2b-9c55-2b1f8a6f0002"] as const;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

test("health says what the document's probes look for", async () => {
  const { status, body } = await server.request("/health");
  expect(status).toBe(200);
  expect(body).toMatchObject({ success: true, data: { status: "healthy" } });
});

test("create, connect, join, send, receive, list, page, mark read", async () => {
  const made = await server.request("/messages", {
    body: { request_match_id: MATCH, participant_ids: PEOPLE },
  });
  expect(made.status).toBe(201);
  const conversation = made.body.data.id;
  expect(made.body).toEqual({
    success: true,
    data: {
      id: conversation,
      request_match_id: MATCH,
      last_message_at: null,
      participants: PEOPLE.map((id) => ({ id, name: null })),
      last_message: null,
      created_at: expect.stringMatching(TIME),
      unread: 0,
      seq: 1,
    },
  });

  // As printed: both transports, beginning with polling.
  const [alice, bob] = PEOPLE.map((userId) => io(server.url, { query: { userId }, forceNew: true })) as [
    ReturnType<typeof io>,
    ReturnType<typeof io>,
  ];
  try {
    bob.emit("join_conversation", { conversation_id: conversation, user_id: PEOPLE[1] });
    const received = new Promise((resolve) => bob.on("new_message", resolve));
    const echoed = new Promise((resolve) => alice.on("new_message", resolve));
    await new Promise((resolve) =>
      bob.emit("join_conversation", { conversation_id: conversation, user_id: PEOPLE[1] }, resolve),
    );
    alice.emit("send_message", {
      conversation_id: conversation,
      sender_id: PEOPLE[0],
      content: "Hello, when can we meet?",
    });
    const message = await received;
    expect(message).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      conversation_id: conversation,
      sender_id: PEOPLE[0],
      sender_name: null,
      content: "Hello, when can we meet?",
      message_type: "text",
      media_url: null,
      status: "sent",
      created_at: expect.stringMatching(TIME),
      seq: 2,
    });
    // Who has not joined hears of what it sent itself.
    expect(await echoed).toEqual(message);
  } finally {
    alice.close();
    bob.close();
  }

  const listed = await server.request(`/messages/conversations/${PEOPLE[1]}`);
  expect(listed.body).toMatchObject({
    success: true,
    data: [
      {
        id: conversation,
        request_match_id: MATCH,
        last_message_at: expect.stringMatching(TIME),
        participants: PEOPLE.map((id) => ({ id, name: null })),
        last_message: { content: "Hello, when can we meet?", sender_id: PEOPLE[0] },
        unread: 1,
      },
    ],
  });
  const page = await server.request(`/messages/${conversation}?limit=50&offset=0`);
  expect(page.body).toMatchObject({
    success: true,
    data: {
      messages: [{ sender_id: PEOPLE[0], sender_name: null, content: "Hello, when can we meet?" }],
      total: 1,
    },
  });
  const read = { user_id: PEOPLE[1] };
  const marked = await server.request(`/messages/${conversation}/mark-read`, { body: read });
  expect(marked.body).toEqual({ success: true, data: { marked: 1 } });
  expect((await server.request(`/messages/${conversation}/mark-read`, { body: read })).body.data.marked).toBe(
    0,
  );
  const after = await server.request(`/messages/${conversation}`);
  expect(after.body.data.messages[0].status).toBe("read");
});

test("typing, with the document's events and those of its web client", async () => {
  const made = await server.request("/messages", { body: { participant_ids: ["ty1", "ty2"] } });
  const conversation_id = made.body.data.id;
  const [one, two] = ["ty1", "ty2"].map((userId) =>
    io(server.url, { query: { userId }, forceNew: true }),
  ) as [ReturnType<typeof io>, ReturnType<typeof io>];
  try {
    const told: unknown[] = [];
    two.onAny((...event: unknown[]) => told.push(event));
    await two.emitWithAck("join_conversation", conversation_id);
    one.emit("typing_start", { conversation_id, user_id: "ty1", user_name: "Ty" });
    one.emit("typing_stop", { conversation_id, user_id: "ty1" });
    await expect.poll(() => told).toHaveLength(3);
    expect(told).toEqual([
      ["user_typing", { conversation_id, user_id: "ty1", user_name: "Ty" }],
      ["user_stopped_typing", { conversation_id, user_id: "ty1" }],
      ["user_stop_typing", { conversation_id, user_id: "ty1" }],
    ]);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    one.emit("typing", { conversationId: conversation_id });
    one.emit("stop_typing", { conversationId: conversation_id });
    await expect.poll(() => told.length).toBe(6);
  } finally {
    one.close();
    two.close();
  }
});
