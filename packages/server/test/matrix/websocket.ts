import { readId, spellPrefixed } from "@parlance/protocol/ids.ts";
import { type Closed, connect, type Received, type TestClient } from "../support/socket.ts";
import type { Heard, MatrixDialect } from "./client.ts";

export const websocket: MatrixDialect = {
  name: "websocket",
  listens: true,
  hearsItself: false,
  async connect(server, user) {
    const before: Received[] = [];
    let client: TestClient = await connect(server, { user });
    let back = Promise.resolve();
    let markBack = (): void => {};
    let closing: Promise<Closed> | null = null;
    return {
      get heard() {
        return [...before, ...client.frames].flatMap(heardOf);
      },
      async send(conversationId, content, key) {
        const conversation_id = spellPrefixed("conversation", conversationId);
        for (;;) {
          await back;
          const answer = await client
            .ask("message.send", { conversation_id, message_id: key, content })
            .catch(() => null);
          if (answer?.event === "message.ack") return readId("message", answer.payload.id) as number;
          if (answer !== null) throw new Error(`refused: ${JSON.stringify(answer.payload)}`);
        }
      },
      async history(conversationId) {
        const path = `/api/v1/chat/${spellPrefixed("conversation", conversationId)}`;
        const response = await fetch(`${server.url}${path}?limit=100`, { headers: { "x-user-id": user } });
        const { messages } = (await response.json()) as { messages: Received["payload"][] };
        return messages.toReversed().map((message) => messageOf("message", message));
      },
      drop() {
        back = new Promise((resolve) => {
          markBack = resolve;
        });
        closing = client.closed;
        client.drop();
      },
      async comeBack() {
        await closing;
        const position = client.position();
        // What came after the last position counts as never told: it comes again.
        const covered = client.frames.findLastIndex(({ payload }) => typeof payload.position === "string");
        before.push(...client.frames.slice(0, covered + 1));
        client = await connect(server, { user });
        const answer = await client.ask("resume", { position });
        if (answer.event !== "resumed") throw new Error(`no resume: ${JSON.stringify(answer)}`);
        markBack();
      },
      async close() {
        await client.close();
      },
    };
  },
};

function heardOf({ event, payload }: Received): Heard[] {
  if (event === "message.receive") return [messageOf("message", payload)];
  if (event === "message.updated") return [messageOf("update", payload)];
  return [];
}

function messageOf(kind: Heard["kind"], message: Received["payload"]): Heard {
  return {
    kind,
    conversationId: readId("conversation", message.conversation_id) as number,
    id: readId("message", message.id) as number,
    seq: message.seq,
    senderId: message.sender_id,
    content: message.content,
    deleted: message.deleted_at !== null,
  };
}
