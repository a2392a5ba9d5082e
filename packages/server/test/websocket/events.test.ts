import { readId, spellUuid } from "@parlance/protocol/ids.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectOtherNode, type OtherNode } from "../support/other-node.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { connect, openConversation, say, type TestClient } from "../support/socket.ts";

/** One's own presence is told when it is. */
const isAnswer = ({ event }: { readonly event: string }): boolean => event !== "presence.changed";

let scene: Scene;
let server: ServerProcess;
let other: OtherNode;

beforeAll(async () => {
  scene = await openScene("ws_events");
  server = await scene.start({ SWEEP_SECONDS: "1", TYPING_TTL_SECONDS: "1", RATE_LIMIT_REACTIONS: "off" });
  other = await connectOtherNode(scene.database);
});
afterAll(async () => {
  await other.close();
  await scene.close();
});

let users = 0;
/** Users that no other test has. */
const fresh = (name: string): string => `${name}-${++users}`;

const CONVERSATION = expect.stringMatching(/^conv_\d+[a-z]$/);
const MESSAGE = expect.stringMatching(/^msg_\d+[a-z]$/);

/** Two people in their direct conversation, the first with a second device. */
async function pair() {
  const [a, b] = [fresh("ann"), fresh("bob")];
  const [ann, phone, bob] = await Promise.all([a, a, b].map((user) => connect(server, { user })));
  const conversation = await openConversation(ann as TestClient, [a, b]);
  for (const client of [ann, phone, bob] as TestClient[]) {
    await client.until((frame) => frame.event === "conversation.changed", "the new conversation");
  }
  return { a, b, ann, phone, bob, conversation } as {
    a: string;
    b: string;
    ann: TestClient;
    phone: TestClient;
    bob: TestClient;
    conversation: string;
  };
}

/** Nothing more of this event comes within a round trip of everybody's and a moment. */
async function quiet(...clients: TestClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.ask("ping")));
  await new Promise((resolve) => setTimeout(resolve, 60));
}

describe("what the server says", () => {
  test("ready: who, which epoch, where, how often", async () => {
    const user = fresh("ann");
    const ann = await connect(server, { user });
    expect(ann.frames).toEqual([
      {
        event: "ready",
        payload: {
          user_id: user,
          epoch: expect.stringMatching(/^[0-9a-f]{32}$/),
          position: expect.stringMatching(/^[0-9a-z]{8}\./),
          heartbeat_seconds: 25,
          server_time: expect.closeTo(Date.now(), -5),
        },
      },
    ]);
    await ann.close();
  });

  test("a message: ack to the sending socket, the message to every other device of everybody", async () => {
    const { a, ann, phone, bob, conversation } = await pair();
    const before = Date.now();
    const answer = await ann.ask("message.send", {
      conversation_id: conversation,
      sender_id: a,
      message_id: "msg_xyz789",
      content: "hey",
      timestamp: 1713087600000,
    });
    expect(answer).toEqual({
      event: "message.ack",
      id: expect.any(String),
      payload: {
        conversation_id: conversation,
        message_id: "msg_xyz789",
        id: MESSAGE,
        seq: 2,
        timestamp: expect.any(Number),
        duplicate: false,
      },
    });
    expect(answer.payload.timestamp).toBeGreaterThanOrEqual(before - 1000);
    const expected = {
      event: "message.receive",
      payload: {
        conversation_id: conversation,
        sender_id: a,
        message_id: "msg_xyz789",
        content: "hey",
        timestamp: 1713087600000,
        id: answer.payload.id,
        sender_name: null,
        message_type: "text",
        parent_id: null,
        metadata: null,
        mentions: [],
        attachments: [],
        reactions: {},
        seq: 2,
        rev: 2,
        created_at: answer.payload.timestamp,
        edited_at: null,
        deleted_at: null,
      },
    };
    for (const client of [phone, bob]) {
      expect(await client.until((frame) => frame.event === "message.receive", "message")).toEqual(expected);
      await client.until((frame) => frame.event === "position", "position");
    }
    await quiet(ann, phone, bob);
    expect(ann.all("message.receive")).toEqual([]);
    expect(phone.all("message.receive")).toHaveLength(1);
  });

  test("message type, parent, metadata and nasty text come back as they were sent", async () => {
    const { ann, bob, conversation } = await pair();
    const first = await say(ann, conversation, "parent", { message_id: "p" });
    const content =
      "  \u202eRTL\u200b\r\n\tdata: x\n\nid: 1\u2028\u2029 👩‍👩‍👧‍👦 e\u0301 <script>alert(1)</script> \ufeff ";
    const metadata = { a: [1, { b: { c: "ü" } }], "": null, constructor: 1 };
    const sent = await say(ann, conversation, content, {
      message_type: "location",
      parent_id: "p",
      metadata,
    });
    const got = (await bob.until((frame) => frame.payload.id === sent.id, "message")).payload;
    expect(got).toMatchObject({ content, metadata, message_type: "location", parent_id: first.id });
    expect(got.message_id).toBe(got.id);
    expect(got.timestamp).toBe(got.created_at);
    const page = await server.request(`/api/v1/chat/${conversation}`);
    expect(page.body.messages[0]).toEqual(got);
  });

  test("who is named is told with a message, with its edits and in history", async () => {
    const { a, b, ann, bob, conversation } = await pair();
    const sent = await say(ann, conversation, `@${b} and @[${a}], not @nobody or me@${b}.example`);
    const got = await bob.until((frame) => frame.payload.id === sent.id, "message");
    expect(got.payload.mentions).toEqual([b, a]);
    await ann.ask("message.edit", {
      conversation_id: conversation,
      message_id: sent.id,
      content: `only @${a}`,
    });
    const edited = await bob.until((frame) => frame.event === "message.updated", "update");
    expect(edited.payload.mentions).toEqual([a]);
    expect(edited.payload).not.toHaveProperty("pinned_at");
    const page = await server.request(`/api/v1/chat/${conversation}`);
    expect(page.body.messages[0]).toEqual(edited.payload);
  });

  test("edit, delete, reactions: ok with the tick to who did it, the change to everybody", async () => {
    const { a, b, ann, bob, conversation } = await pair();
    const sent = await say(ann, conversation, "one", { message_id: "k1" });
    const name = { conversation_id: conversation, message_id: "k1" };

    expect(await bob.ask("reaction.add", { ...name, emoji: "❤" })).toMatchObject({
      event: "ok",
      payload: { seq: 3 },
    });
    for (const client of [ann, bob]) {
      const { payload } = await client.until((frame) => frame.event === "reaction.changed", "reaction");
      expect(payload).toEqual({
        conversation_id: conversation,
        message_id: "k1",
        id: expect.stringMatching(/^msg_/),
        user_id: b,
        emoji: "❤️",
        added: true,
        summary: { "❤️": 1 },
        seq: 3,
      });
    }
    // Twice is once: no tick, nothing told.
    expect((await bob.ask("reaction.add", { ...name, emoji: "❤️" })).payload).toEqual({ seq: 3 });
    expect((await bob.ask("reaction.remove", { ...name, emoji: "👍" })).payload).toEqual({ seq: 3 });

    expect((await ann.ask("message.edit", { ...name, content: "two" })).payload).toEqual({ seq: 4 });
    for (const client of [ann, bob]) {
      const { payload } = await client.until((frame) => frame.event === "message.updated", "update");
      expect(payload).toMatchObject({
        message_id: "k1",
        id: sent.id,
        sender_id: a,
        content: "two",
        seq: 2,
        rev: 4,
        edited_at: expect.any(Number),
        deleted_at: null,
        reactions: { "❤️": 1 },
      });
    }
    expect((await bob.ask("reaction.remove", { ...name, emoji: "❤️" })).payload).toEqual({ seq: 5 });
    const removed = await ann.until((frame) => frame.payload.added === false, "removal");
    expect(removed.payload).toMatchObject({ summary: {}, user_id: b, seq: 5 });

    expect((await ann.ask("message.delete", { ...name, message_id: sent.id })).payload).toEqual({ seq: 6 });
    const gone = await bob.until((frame) => frame.payload.deleted_at > 0, "tombstone");
    expect(gone).toMatchObject({
      event: "message.updated",
      payload: { content: "", rev: 6, seq: 2, reactions: {} },
    });
    // Deleting again is done already; editing and reacting are in conflict.
    expect((await ann.ask("message.delete", name)).payload).toEqual({ seq: 6 });
    expect((await ann.ask("message.edit", { ...name, content: "x" })).payload).toMatchObject({
      code: "conflict",
    });
    expect((await bob.ask("reaction.add", { ...name, emoji: "👍" })).payload).toMatchObject({
      code: "conflict",
    });
    await quiet(ann, bob);
    expect(bob.all("reaction.changed")).toHaveLength(2);
    expect(bob.all("message.updated")).toHaveLength(2);
  });

  test("only authors edit; others' messages and unknown ones are refused", async () => {
    const { ann, bob, conversation } = await pair();
    await say(ann, conversation, "mine", { message_id: "m" });
    const stranger = await connect(server, { user: fresh("eve") });
    const wish = { conversation_id: conversation, message_id: "m", content: "x" };
    expect((await bob.ask("message.edit", wish)).payload).toMatchObject({ code: "forbidden" });
    expect((await bob.ask("message.delete", wish)).payload).toMatchObject({ code: "forbidden" });
    expect((await ann.ask("message.edit", { ...wish, message_id: "nope" })).payload).toMatchObject({
      code: "not_found",
    });
    for (const event of ["message.edit", "message.delete", "message.send", "read"]) {
      const { payload } = await stranger.ask(event, wish);
      expect(payload, event).toMatchObject({ code: "not_participant" });
    }
    expect((await stranger.ask("reaction.add", { ...wish, emoji: "👍" })).payload.code).toBe(
      "not_participant",
    );
    expect((await stranger.ask("typing", { ...wish, typing: true })).payload.code).toBe("not_participant");
  });

  test("receipts: delivered by itself, read when said; never back; own unread falls to nothing", async () => {
    const { b, ann, bob, conversation } = await pair();
    const first = await say(ann, conversation, "one");
    const second = await say(ann, conversation, "two");
    const delivered = await ann.until(
      (frame) =>
        frame.event === "receipt" &&
        frame.payload.user_id === b &&
        frame.payload.delivered_seq === second.seq,
      "delivered",
    );
    expect(delivered.payload).toEqual({
      conversation_id: conversation,
      user_id: b,
      delivered_seq: second.seq,
      read_seq: 0,
      read_at: null,
    });
    const inbox = async () => (await server.request(`/api/v1/chats/${b}`)).body.chats[0].unread;
    expect(await inbox()).toBe(2);
    expect((await bob.ask("read", { conversation_id: conversation, message_id: second.id })).payload).toEqual(
      {
        seq: second.seq,
      },
    );
    const read = await ann.until((frame) => frame.payload.read_seq === second.seq, "read");
    expect(read.payload).toMatchObject({ user_id: b, read_at: expect.any(Number) });
    await bob.ask("read", { conversation_id: conversation, message_id: first.id });
    expect(await inbox()).toBe(0);
    await say(ann, conversation, "three");
    expect(await inbox()).toBe(1);
    await bob.ask("read", { conversation_id: conversation });
    expect(await inbox()).toBe(0);
    const bobs = ann.all("receipt").filter((receipt) => receipt.user_id === b);
    const seqs = bobs.map((receipt) => receipt.read_seq);
    expect(seqs).toEqual(seqs.toSorted((x, y) => x - y));
  });

  test("typing: to the others, ends by itself; no answer to who types", async () => {
    const { a, ann, phone, bob, conversation } = await pair();
    ann.send("typing", { conversation_id: conversation, typing: true }, 7);
    const on = await bob.until((frame) => frame.event === "typing", "typing");
    expect(on.payload).toEqual({ conversation_id: conversation, user_id: a, user_name: null, typing: true });
    const off = await bob.until((frame) => frame.event === "typing" && !frame.payload.typing, "its end");
    expect(off.payload).toEqual({ ...on.payload, typing: false });
    await quiet(ann, phone);
    expect([...ann.all("typing"), ...phone.all("typing")]).toEqual([]);
    expect(ann.frames.filter((frame) => frame.id === 7)).toEqual([]);
  });

  test("presence: of those one shares a conversation with", async () => {
    const { a, ann, phone, bob } = await pair();
    const stranger = await connect(server, { user: fresh("eve") });
    expect(await ann.ask("presence", { status: "dnd" })).toMatchObject({ event: "ok", payload: {} });
    const mine =
      (status: string) => (frame: { event: string; payload: { user_id: string; status: string } }) =>
        frame.event === "presence.changed" && frame.payload.user_id === a && frame.payload.status === status;
    expect((await bob.until(mine("dnd"), "dnd")).payload).toEqual({
      user_id: a,
      status: "dnd",
      last_seen_at: null,
    });
    await phone.until(mine("dnd"), "one's own dnd");
    await ann.ask("presence", { status: "online" });
    await bob.until(mine("online"), "online");
    await quiet(stranger);
    expect(stranger.all("presence.changed").filter((one) => one.user_id === a)).toEqual([]);
  });

  test("a user is offline when the last of two devices has gone for good", async () => {
    const { a, ann, phone, bob } = await pair();
    await ann.close();
    await quiet(bob);
    expect(bob.all("presence.changed").filter((one) => one.status === "offline")).toEqual([]);
    phone.drop();
    const gone = await bob.until((frame) => frame.payload.status === "offline", "offline");
    expect(gone.payload).toEqual({ user_id: a, status: "offline", last_seen_at: expect.any(Number) });
  });

  test("conversations: the direct one is found, groups are made; everybody is told", async () => {
    const [a, b, c] = [fresh("ann"), fresh("bob"), fresh("cid")];
    const [ann, bob, cid] = (await Promise.all([a, b, c].map((user) => connect(server, { user })))) as [
      TestClient,
      TestClient,
      TestClient,
    ];
    const opened = await ann.ask("conversation.open", { participants: [b] });
    expect(opened).toMatchObject({
      event: "conversation.opened",
      payload: { conversation_id: CONVERSATION },
    });
    const again = await bob.ask("conversation.open", { participants: [a, b] });
    expect(again.payload.conversation_id).toBe(opened.payload.conversation_id);
    const told = await bob.until((frame) => frame.event === "conversation.changed", "conversation");
    expect(told.payload).toEqual({
      conversation_id: opened.payload.conversation_id,
      kind: "direct",
      name: null,
      description: null,
      avatar_url: null,
      settings: {
        allow_replies: true,
        allow_reactions: true,
        history_visible: true,
        allow_file_uploads: true,
        max_file_size_mb: null,
        allowed_file_types: null,
      },
      participants: expect.arrayContaining([
        { user_id: a, user_name: null, role: "member" },
        { user_id: b, user_name: null, role: "member" },
      ]),
      participant_count: 2,
      seq: 1,
      added: expect.arrayContaining([a, b]),
      removed: [],
    });
    const group = await openConversation(ann, [b, c], "Trip");
    expect(await openConversation(ann, [b, c], "Trip")).not.toBe(group);
    const made = await cid.until((frame) => frame.payload.conversation_id === group, "group");
    expect(made.payload).toMatchObject({ kind: "group", name: "Trip", participant_count: 3 });
    expect(made.payload.participants[0]).toMatchObject({ user_id: a, role: "owner" });
    await say(bob, group, "hello");
    await Promise.all(
      [ann, cid].map((client) => client.until((frame) => frame.payload.content === "hello", "hello")),
    );
  });

  test("people let in hear from then on, and what was before where history is visible; let out, no more", async () => {
    const [a, b, c] = [fresh("ann"), fresh("bob"), fresh("cid")];
    const [ann, cid] = (await Promise.all([a, c].map((user) => connect(server, { user })))) as [
      TestClient,
      TestClient,
    ];
    const group = await openConversation(ann, [a, b], "G");
    const conversationId = readId("conversation", group) as number;
    await say(ann, group, "before");
    await other.ensureUsers([c]);
    await other.change({ kind: "add", conversationId, userIds: [c], maxParticipants: 10 });
    const joined = await cid.until((frame) => frame.event === "conversation.changed", "joining");
    expect(joined.payload).toMatchObject({ conversation_id: group, added: [c], participant_count: 3 });
    await say(ann, group, "between");
    await cid.until((frame) => frame.payload.content === "between", "message");
    await other.change({
      kind: "settings",
      conversationId,
      name: "Renamed",
      settings: { allowReactions: false },
    });
    const renamed = await cid.until((frame) => frame.payload.name === "Renamed", "rename");
    expect(renamed.payload.settings.allow_reactions).toBe(false);
    await other.change({ kind: "remove", conversationId, userId: c });
    const removed = await cid.until((frame) => frame.payload.removed?.includes(c), "removal");
    expect(removed.payload.conversation_id).toBe(group);
    await say(ann, group, "after");
    await quiet(ann, cid);
    expect(JSON.stringify(cid.frames)).not.toContain("after");
    const last = cid.frames.findLastIndex((frame) => frame.payload.conversation_id === group);
    expect(cid.frames[last]).toMatchObject({ event: "conversation.changed", payload: { removed: [c] } });
    expect((await cid.ask("message.send", { conversation_id: group, content: "x" })).payload.code).toBe(
      "not_participant",
    );
    const history = await server.request(`/api/v1/chat/${group}?user_id=${c}`);
    expect(history).toMatchObject({ status: 404, body: { error: { code: "not_participant" } } });
  });
});

describe("ids and retries", () => {
  test("a retry is answered with the first result and told to nobody", async () => {
    const { ann, phone, bob, conversation } = await pair();
    const first = await say(ann, conversation, "hey", { message_id: "once", timestamp: 1 });
    const again = await say(phone, conversation, "hey", { message_id: "once", timestamp: 2 });
    expect(again).toEqual({ ...first, duplicate: true });
    const racing = await Promise.all(
      Array.from({ length: 50 }, () => say(ann, conversation, "race", { message_id: "race" })),
    );
    expect(new Set(racing.map((ack) => `${ack.seq} ${ack.id}`)).size).toBe(1);
    expect(racing.filter((ack) => !ack.duplicate)).toHaveLength(1);
    await ann.ask("message.delete", { conversation_id: conversation, message_id: "once" });
    expect(await say(ann, conversation, "hey", { message_id: "once" })).toEqual({
      ...first,
      duplicate: true,
    });
    await quiet(bob);
    expect(bob.all("message.receive").map((message) => message.message_id)).toEqual(["once", "race"]);
  });

  test("a key with other content is refused and nothing is stored", async () => {
    const { ann, conversation } = await pair();
    await say(ann, conversation, "hey", { message_id: "k" });
    for (const other of [
      { content: "hoy" },
      { content: "hey", metadata: { a: 1 } },
      { content: "hey", message_type: "image" },
      { content: "hey", parent_id: "k" },
    ]) {
      const answer = await ann.ask("message.send", {
        conversation_id: conversation,
        message_id: "k",
        ...other,
      });
      expect(answer).toEqual({
        event: "error",
        id: expect.any(String),
        payload: { code: "key_reused", message: expect.any(String), id: answer.id, message_id: "k" },
      });
    }
    expect((await server.request(`/api/v1/chat/${conversation}`)).body.messages).toHaveLength(1);
  });

  test("a key whose first try was refused is as good as new", async () => {
    const { ann, conversation } = await pair();
    const wish = { conversation_id: conversation, message_id: "tried" };
    expect((await ann.ask("message.send", { ...wish, content: "" })).payload).toMatchObject({
      code: "invalid",
      message_id: "tried",
    });
    expect(await say(ann, conversation, "now", wish)).toMatchObject({ seq: 2, duplicate: false });
  });

  test("a message_id that the server could have made is refused, in any spelling; documents' samples are not", async () => {
    const { ann, conversation } = await pair();
    const { id } = await say(ann, conversation, "x", { message_id: "msg_abc456" });
    const number = readId("message", id) as number;
    for (const taken of [id, String(number), spellUuid("message", number), conversation]) {
      const answer = await ann.ask("message.send", {
        conversation_id: conversation,
        content: "x",
        message_id: taken,
      });
      expect(answer.payload, taken).toMatchObject({ code: "invalid" });
    }
    for (const own of ["9b2f0c9e-3c36-4e7e-9a32-0d4b1a1f7c11", "k".repeat(255), "ключ 🔑", "__proto__"]) {
      expect(await say(ann, conversation, "x", { message_id: own })).toMatchObject({ message_id: own });
    }
    for (const bad of ["", "k".repeat(256), "a\nb", "\u0000", "\ud800"]) {
      const answer = await ann.ask("message.send", {
        conversation_id: conversation,
        content: "x",
        message_id: bad,
      });
      expect(answer.payload, JSON.stringify(bad)).toMatchObject({ code: "invalid" });
    }
  });

  test("two senders may use one message_id; naming it is then ambiguous, naming its id is not", async () => {
    const { ann, bob, conversation } = await pair();
    const [first, second] = [
      await say(ann, conversation, "a", { message_id: "same" }),
      await say(bob, conversation, "b", { message_id: "same" }),
    ];
    expect(second).toMatchObject({ duplicate: false, message_id: "same" });
    expect(second.id).not.toBe(first.id);
    const wish = { conversation_id: conversation, message_id: "same" };
    expect((await ann.ask("message.delete", wish)).payload).toMatchObject({ code: "invalid" });
    const cursor = await server.request(`/api/v1/chat/${conversation}?cursor=same`);
    expect(cursor).toMatchObject({ status: 400, body: { error: { code: "invalid" } } });
    expect((await ann.ask("message.delete", { ...wish, message_id: first.id })).event).toBe("ok");
  });

  test("every spelling of an id is read everywhere", async () => {
    const { ann, conversation } = await pair();
    const sent = await say(ann, conversation, "x", { message_id: "spelled" });
    const [c, m] = [readId("conversation", conversation) as number, readId("message", sent.id) as number];
    const conversations = [
      c,
      String(c),
      spellUuid("conversation", c),
      spellUuid("conversation", c).toUpperCase(),
    ];
    const messages = [m, String(m), spellUuid("message", m), "spelled"];
    for (const [i, conversation_id] of conversations.entries()) {
      const message_id = messages[i];
      const wish = { conversation_id, message_id };
      expect((await ann.ask("message.edit", { ...wish, content: `v${i}` })).event).toBe("ok");
      expect((await ann.ask("read", wish)).event).toBe("ok");
      expect((await say(ann, conversation_id as string, "y")).conversation_id).toBe(conversation);
      const page = await server.request(`/api/v1/chat/${conversation_id}?cursor=${message_id}`);
      expect(page).toMatchObject({ status: 200, body: { conversation_id: conversation, messages: [] } });
    }
  });

  test("well-formed ids of nobody and malformed ones", async () => {
    const { ann } = await pair();
    const cases = [
      ["conv_abc123", "not_participant", 404],
      ["9b2f0c9e-3c36-4e7e-9a32-0d4b1a1f7c11", "not_participant", 404],
      ["999999999", "not_participant", 404],
      ["0", "invalid", 400],
      ["-1", "invalid", 400],
      ["1.5", "invalid", 400],
      ["9007199254740993", "invalid", 400],
      ["x".repeat(200), "invalid", 400],
      ["a b", "invalid", 400],
      ["%00", "invalid", 400],
    ] as const;
    for (const [conversation_id, code, status] of cases) {
      expect((await ann.ask("message.send", { conversation_id, content: "x" })).payload.code).toBe(code);
      const page = await server.request(`/api/v1/chat/${conversation_id}`);
      expect([page.status, page.body.error.code], conversation_id).toEqual([status, code]);
    }
    for (const conversation_id of [0, -1, 1.5, 2 ** 53, 1e300, ""]) {
      expect((await ann.ask("message.send", { conversation_id, content: "x" })).payload.code).toBe("invalid");
    }
  });

  test("a request's id comes back as it was, number or text, or not at all", async () => {
    const { ann } = await pair();
    for (const id of ["a", 0, -1.5, "", "🙂"]) {
      ann.send("ping", {}, id);
      expect(await ann.until((frame) => frame.id === id, "pong")).toEqual({ event: "pong", id, payload: {} });
    }
    const from = ann.frames.length;
    ann.send("ping");
    expect(await ann.until(isAnswer, "pong", from)).toEqual({ event: "pong", payload: {} });
    for (const id of [{}, [], true, null, "x".repeat(129), "\ud800"]) {
      const at = ann.frames.length;
      ann.send("ping", {}, id);
      const answer = await ann.until(isAnswer, "error", at);
      expect(answer).toEqual({ event: "error", payload: { code: "invalid", message: expect.any(String) } });
    }
    const at = ann.frames.length;
    ann.socket.send('{"event":"ping","id":1e400}');
    expect((await ann.until(isAnswer, "error", at)).event).toBe("error");
  });
});
