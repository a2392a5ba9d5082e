import { type CreateClient, untilAnswered } from "../client.ts";

interface Row {
  readonly sender_id: string;
  readonly content: string;
  readonly seq: number;
}

const POLL_MS = 1_000;

/** Posts onto the queue and asks for the newest page: plain `fetch`, nothing is told live. */
export const createQueueClient: CreateClient = ({ me, peer, isCapricious }, tell) => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let away = true;
  let back = Promise.withResolvers<void>();
  let newest = 0;

  const headers = (more: Record<string, string> = {}): Record<string, string> => ({
    "x-user-id": me,
    ...(isCapricious() && { "x-capricious": "on" }),
    ...more,
  });

  async function poll(): Promise<void> {
    const query = new URLSearchParams({ user1: me, user2: peer, limit: "50" });
    const response = await fetch(`/api/v1/messages?${query}`, { headers: headers() }).catch(() => null);
    if (away) return;
    timer = setTimeout(() => void poll(), POLL_MS);
    if (response === null || !response.ok) return;
    tell.state("live");
    const { data } = (await response.json()) as { data: Row[] };
    for (const row of data.toReversed()) {
      if (row.seq <= newest) continue;
      newest = row.seq;
      tell.heard({ seq: row.seq, sender: row.sender_id, text: row.content, raw: JSON.stringify(row) });
    }
  }

  return {
    connect() {
      away = false;
      tell.state("connecting");
      back.resolve();
      void poll();
    },
    cut() {
      away = true;
      clearTimeout(timer);
      back = Promise.withResolvers();
      tell.state("cut");
    },
    async send(content, key) {
      const body = JSON.stringify({ sender_id: me, receiver_id: peer, content });
      await untilAnswered(async () => {
        await back.promise;
        return fetch("/api/v1/messages", {
          method: "POST",
          headers: headers({ "content-type": "application/json", "idempotency-key": key }),
          body,
        });
      });
    },
  };
};
