import { type CreateClient, untilAnswered } from "../client.ts";

interface Message {
  readonly text: string;
  readonly sender_id: string;
  readonly seq: number;
}

/** The browser's own `EventSource`; what is said goes by `fetch` with an `Idempotency-Key`. */
export const createSseClient: CreateClient = ({ me, conversation, isCapricious }, tell) => {
  let source: EventSource | null = null;
  let back = Promise.withResolvers<void>();
  let lastEventId = "";

  return {
    connect() {
      tell.state("connecting");
      const query = new URLSearchParams({ stream: "messages", user_id: me });
      if (lastEventId !== "") query.set("last_event_id", lastEventId);
      if (isCapricious()) query.set("capricious", "on");
      source = new EventSource(`/events?${query}`);
      source.onopen = () => {
        tell.state("live");
        back.resolve();
      };
      source.onerror = () => tell.state("connecting");
      source.onmessage = ({ data, lastEventId: id }) => {
        lastEventId = id;
        const { seq, sender_id, text } = JSON.parse(data) as Message;
        tell.heard({ seq, sender: sender_id, text, raw: `id: ${id}\ndata: ${data}` });
      };
    },
    cut() {
      source?.close();
      back = Promise.withResolvers();
      tell.state("cut");
    },
    async send(text, key) {
      await untilAnswered(async () => {
        await back.promise;
        return fetch(`/chats/${conversation}/messages`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "x-user-id": me,
            "idempotency-key": key,
            ...(isCapricious() && { "x-capricious": "on" }),
          },
          body: JSON.stringify({ text }),
        });
      });
    },
  };
};
