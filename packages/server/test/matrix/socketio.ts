import { readId, spellUuid } from "@parlance/protocol/ids.ts";
import { open, type TestSocket, type Told } from "../socketio/client.ts";
import type { Heard, MatrixDialect } from "./client.ts";

export const socketio: MatrixDialect = {
  name: "socketio",
  listens: true,
  hearsItself: true,
  async connect(server, user) {
    const before: Told[] = [];
    let client: TestSocket = await open(server, user, { auth: { autojoin: true } });
    await client.until("position");
    let back = Promise.resolve();
    let markBack = (): void => {};
    return {
      get heard() {
        return [...before, ...client.told].flatMap(heardOf);
      },
      async send(conversationId, content, key) {
        const conversation_id = spellUuid("conversation", conversationId);
        for (;;) {
          await back;
          const answer = await client
            .ask("send_message", { conversation_id, client_id: key, content })
            .catch(() => null);
          if (answer?.success) return readId("message", answer.data.id) as number;
          if (answer !== null) throw new Error(`refused: ${JSON.stringify(answer)}`);
        }
      },
      async history(conversationId) {
        const path = `/messages/${spellUuid("conversation", conversationId)}?limit=100`;
        const response = await fetch(server.url + path, { headers: { "x-user-id": user } });
        const { data } = (await response.json()) as { data: { messages: Told["payload"][] } };
        return data.messages.map((message) => messageOf("message", message));
      },
      drop() {
        back = new Promise((resolve) => {
          markBack = resolve;
        });
        client.drop();
      },
      async comeBack() {
        const position = client.position();
        // What came after the last position counts as never told: it comes again.
        const covered = client.told.findLastIndex(({ payload }) => typeof payload?.position === "string");
        before.push(...client.told.slice(0, covered + 1));
        client = await open(server, user, { auth: { position } });
        await client.until("resumed");
        markBack();
      },
      async close() {
        client.close();
      },
    };
  },
};

function heardOf({ event, payload }: Told): Heard[] {
  if (event === "new_message") return [messageOf("message", payload)];
  if (event === "message_updated") return [messageOf("update", payload)];
  return [];
}

function messageOf(kind: Heard["kind"], message: Told["payload"]): Heard {
  return {
    kind,
    conversationId: readId("conversation", message.conversation_id) as number,
    id: readId("message", message.id) as number,
    seq: message.seq,
    senderId: message.sender_id,
    content: message.content,
    deleted: typeof message.deleted_at === "string",
  };
}
