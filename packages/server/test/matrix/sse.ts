import { EventSource } from "eventsource";
import type { Heard, MatrixDialect } from "./client.ts";

/** The document's shape of a message, and what is added to it. */
interface SseMessage {
  readonly id: number;
  readonly chat_id: number;
  readonly text: string;
  readonly sender_id: string;
  readonly seq: number;
  readonly deleted_at: string | null;
}

export const sse: MatrixDialect = {
  name: "sse",
  listens: true,
  hearsItself: true,
  async connect({ url }, user) {
    const headers = { "x-user-id": user };
    const heard: Heard[] = [];
    let lastEventId = "";
    let source = await open();

    function open(): Promise<EventSource> {
      const from = lastEventId === "" ? "" : `&last_event_id=${lastEventId}`;
      const source = new EventSource(`${url}/events?stream=messages${from}`, {
        // Browsers keep an id that comes without data; this library does not, and it is all there is at first.
        fetch: async (input, init) => {
          const response = await fetch(input, { ...init, headers: { ...init.headers, ...headers } });
          const body = response.body?.pipeThrough(
            noteFirstId((id) => {
              if (lastEventId === "") lastEventId = id;
            }),
          );
          return new Response(body, response);
        },
      });
      const hear = (kind: Heard["kind"]) => (event: MessageEvent) => {
        lastEventId = event.lastEventId;
        heard.push(heardOf(kind, JSON.parse(event.data)));
      };
      source.addEventListener("message", hear("message"));
      source.addEventListener("update", hear("update"));
      return new Promise((resolve, reject) => {
        source.addEventListener("open", () => resolve(source));
        source.addEventListener("reset", ({ data }) => reject(new Error(`reset: ${data}`)));
      });
    }

    return {
      heard,
      async send(conversationId, content, key) {
        for (;;) {
          const response = await fetch(`${url}/chats/${conversationId}/messages`, {
            method: "POST",
            headers: { ...headers, "content-type": "application/json", "idempotency-key": key },
            body: JSON.stringify({ text: content }),
          }).catch(() => null);
          if (response?.status === 200) return ((await response.json()) as SseMessage).id;
          if (response !== null && response.status < 500)
            throw new Error(`refused: ${await response.text()}`);
        }
      },
      async history(conversationId) {
        const response = await fetch(`${url}/chats/${conversationId}/messages`, { headers });
        return ((await response.json()) as SseMessage[]).map((message) => heardOf("message", message));
      },
      drop: () => source.close(),
      async comeBack() {
        source = await open();
      },
      async close() {
        source.close();
      },
    };
  },
};

function noteFirstId(note: (id: string) => void): TransformStream<Uint8Array, Uint8Array> {
  let head: string | null = "";
  return new TransformStream({
    transform(chunk, controller) {
      if (head !== null) {
        head += Buffer.from(chunk).toString("latin1");
        const id = /^id: (.*)\n/m.exec(head)?.[1];
        if (id !== undefined) {
          head = null;
          note(id);
        }
      }
      controller.enqueue(chunk);
    },
  });
}

function heardOf(kind: Heard["kind"], message: SseMessage): Heard {
  return {
    kind,
    conversationId: message.chat_id,
    id: message.id,
    seq: message.seq,
    senderId: message.sender_id,
    content: message.text,
    deleted: message.deleted_at !== null,
  };
}
