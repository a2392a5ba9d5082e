import { readId } from "@parlance/protocol/ids.ts";
import { Absence } from "./absence.ts";
import type { MatrixDialect } from "./client.ts";

const PATH = "/api/v1/messages";

/** What the queue dialect's page shows of a message, as far as it is looked at here. */
interface Shown {
  readonly message_id: string;
  readonly sender_id: string;
  readonly content: string;
  readonly deleted: boolean;
  readonly edited_at: string | null;
  readonly seq: number;
}

/**
 * Posts and asks for pages. What it loses are the requests under way. It knows direct conversations only, by the two
 * in them.
 */
export const queue: MatrixDialect = {
  name: "queue",
  listens: false,
  hearsItself: false,
  async connect(server, user, [direct]) {
    const inbox = await fetch(`${server.url}/api/v1/chats/${user}?limit=100`, {
      headers: { "x-user-id": user },
    });
    const { chats } = (await inbox.json()) as { chats: { conversation_id: string; participant: string }[] };
    const peer = chats.find((chat) => readId("conversation", chat.conversation_id) === direct)?.participant;
    if (peer === undefined) throw new Error(`${user} has no direct conversation ${direct}`);
    let cable = new AbortController();
    const absence = new Absence();
    const post = async (content: string, key: string) => {
      const response = await fetch(server.url + PATH, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ sender_id: user, receiver_id: peer, content }),
        signal: cable.signal,
      });
      return { status: response.status, body: (await response.json()) as { message_id: string } };
    };
    return {
      heard: [],
      async send(_, content, key) {
        for (;;) {
          await absence.back;
          const answer = await post(content, key).catch(() => null);
          if (answer?.status === 202) return readId("message", answer.body.message_id) as number;
          if (answer !== null) throw new Error(`refused: ${JSON.stringify(answer.body)}`);
        }
      },
      async history(conversationId) {
        const response = await fetch(`${server.url}${PATH}?user1=${user}&user2=${peer}&limit=100`, {
          headers: { "x-user-id": user },
        });
        const { data } = (await response.json()) as { data: Shown[] };
        return data.toReversed().map((message) => ({
          kind: "message" as const,
          conversationId,
          id: readId("message", message.message_id) as number,
          seq: message.seq,
          senderId: message.sender_id,
          content: message.content,
          deleted: message.deleted,
        }));
      },
      drop() {
        absence.begin();
        cable.abort();
      },
      async comeBack() {
        cable = new AbortController();
        absence.end();
      },
      async close() {},
    };
  },
};
