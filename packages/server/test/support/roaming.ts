import type { Seen, Send } from "./history.ts";
import type { ServerProcess } from "./server.ts";
import { connect, type Received, type TestClient } from "./socket.ts";

/** Where there is a server to connect to, now. */
export type Somewhere = () => Pick<ServerProcess, "url">;

const AGAIN_MS = 20;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, AGAIN_MS));

/** Connects wherever somebody takes it, as often as it needs. */
async function arrive(somewhere: Somewhere, user: string): Promise<TestClient> {
  for (;;) {
    const client = await connect(somewhere(), { user }).catch(() => null);
    if (client !== null) return client;
    await pause();
  }
}

/**
 * Sends messages until each is acknowledged, `width` at a time, over whatever connections that takes: the same key
 * again after each that was lost.
 */
export async function sendAll(
  somewhere: Somewhere,
  user: string,
  sends: readonly Send[],
  width: number,
): Promise<void> {
  let arriving = arrive(somewhere, user);
  const sendOne = async (send: Send): Promise<void> => {
    for (;;) {
      const own = arriving;
      const client = await own;
      const answer = await client
        .ask("message.send", {
          conversation_id: send.conversation,
          message_id: send.key,
          content: `message ${send.key}`,
        })
        .catch(() => null);
      if (answer?.event === "message.ack") {
        Object.assign(send, { outcome: "acked", id: answer.payload.id, seq: answer.payload.seq });
        return;
      }
      if (answer !== null && !["unavailable", "overloaded"].includes(answer.payload.code)) {
        throw new Error(`refused: ${JSON.stringify(answer.payload)}`);
      }
      if (answer === null && arriving === own) {
        client.drop();
        arriving = arrive(somewhere, user);
      }
      await pause();
    }
  };
  const waiting = [...sends];
  const work = async (): Promise<void> => {
    for (let send = waiting.shift(); send !== undefined; send = waiting.shift()) await sendOne(send);
  };
  await Promise.all(Array.from({ length: width }, work));
  await (await arriving).close();
}

export interface RoamingListener {
  /** What it was told, up to its last position: what came after that comes again. */
  readonly seen: readonly Seen[];
  /** Resolves when it has stood at these clocks or beyond. */
  until(clocks: ReadonlyMap<string, number>): Promise<void>;
  stop(): Promise<void>;
}

/** Listens, and when its connection ends goes on from its last position wherever it is let in. */
export async function roam(somewhere: Somewhere, user: string): Promise<RoamingListener> {
  const seen: Seen[] = [];
  const told = new Map<string, number>();
  let stopped = false;
  let client = await arrive(somewhere, user);
  let position = client.position();
  let taken = 0;

  /** Into `seen`, what a position covers. */
  const take = (): void => {
    const end = client.frames.findLastIndex(({ payload }) => typeof payload.position === "string");
    for (const { event, payload } of client.frames.slice(taken, end + 1)) {
      if (event === "message.receive") seen.push(seenIn(payload));
      const { conversation_id: conversation, seq } = payload;
      if (typeof seq === "number") told.set(conversation, Math.max(seq, told.get(conversation) ?? 0));
    }
    taken = Math.max(taken, end + 1);
    position = client.position() || position;
  };

  const listen = async (): Promise<void> => {
    while (!stopped) {
      await client.closed;
      take();
      if (stopped) return;
      await pause();
      const next = await arrive(somewhere, user);
      const answer = await next.ask("resume", { position }).catch(() => null);
      if (answer !== null && answer.event !== "resumed") {
        throw new Error(`no resume: ${JSON.stringify(answer.payload)}`);
      }
      client = next;
      // Its first frame has a position of its own, from which it does not go on.
      taken = 1;
      if (answer === null) client.drop();
    }
  };
  const listening = listen();

  return {
    seen,
    async until(clocks) {
      for (;;) {
        take();
        if ([...clocks].every(([conversation, seq]) => (told.get(conversation) ?? 0) >= seq)) return;
        await pause();
      }
    },
    async stop() {
      stopped = true;
      client.drop();
      await listening;
    },
  };
}

function seenIn(payload: Received["payload"]): Seen {
  const { conversation_id: conversation, message_id: key, id, seq } = payload;
  return { conversation, key, id, seq };
}
