import { readId, spellUuid } from "@parlance/protocol/ids.ts";
import { open, type TestSocket, type Told } from "../socketio/client.ts";
import { Absence } from "./absence.ts";
import type { MatrixDialect } from "./client.ts";
import { covered, heardOf, messageOf } from "./frames.ts";

const EVENTS = { message: "new_message", update: "message_updated" } as const;

export const socketio: MatrixDialect = {
  name: "socketio",
  listens: true,
  hearsItself: true,
  async connect(server, user) {
    const before: Told[] = [];
    let client: TestSocket = await open(server, user, { auth: { autojoin: true } });
    await client.until("position");
    const absence = new Absence();
    return {
      get heard() {
        return [...before, ...client.told].flatMap((told) => heardOf(told, EVENTS));
      },
      async send(conversationId, content, key) {
        const conversation_id = spellUuid("conversation", conversationId);
        for (;;) {
          await absence.back;
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
        absence.begin();
        client.drop();
      },
      async comeBack() {
        const position = client.position();
        before.push(...covered(client.told));
        client = await open(server, user, { auth: { position } });
        await client.until("resumed");
        absence.end();
      },
      async close() {
        client.close();
      },
    };
  },
};
