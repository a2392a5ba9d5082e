import { readId, spellPrefixed } from "@parlance/protocol/ids.ts";
import { type Closed, connect, type Received, type TestClient } from "../support/socket.ts";
import { Absence } from "./absence.ts";
import type { MatrixDialect } from "./client.ts";
import { covered, heardOf, messageOf } from "./frames.ts";

const EVENTS = { message: "message.receive", update: "message.updated" } as const;

export const websocket: MatrixDialect = {
  name: "websocket",
  listens: true,
  hearsItself: false,
  async connect(server, user) {
    const before: Received[] = [];
    let client: TestClient = await connect(server, { user });
    const absence = new Absence();
    let closing: Promise<Closed> | null = null;
    return {
      get heard() {
        return [...before, ...client.frames].flatMap((frame) => heardOf(frame, EVENTS));
      },
      async send(conversationId, content, key) {
        const conversation_id = spellPrefixed("conversation", conversationId);
        for (;;) {
          await absence.back;
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
        absence.begin();
        closing = client.closed;
        client.drop();
      },
      async comeBack() {
        await closing;
        const position = client.position();
        before.push(...covered(client.frames));
        client = await connect(server, { user });
        const answer = await client.ask("resume", { position });
        if (answer.event !== "resumed") throw new Error(`no resume: ${JSON.stringify(answer)}`);
        absence.end();
      },
      async close() {
        await client.close();
      },
    };
  },
};
