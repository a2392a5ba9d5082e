import type { Send } from "./history.ts";
import type { ServerProcess } from "./server.ts";
import { type Closed, connect, openConversation, type TestClient } from "./socket.ts";

export interface Load {
  readonly sends: Send[];
  readonly conversations: readonly string[];
  /** How each sender's connection ended, of those that did. */
  readonly closes: Closed[];
  acked(): number;
  /** Resolves when so many more were acknowledged. */
  untilAcked(more: number): Promise<void>;
  /** Ends the senders and resolves when nothing is awaited any more. */
  stop(): Promise<void>;
}

let runs = 0;

/**
 * Senders that each keep a few messages under way in conversations of all of them, until they are stopped or their
 * connection ends.
 * @param conversations those of an earlier load, to go on in
 */
export async function startLoad(
  server: ServerProcess,
  senders: number,
  conversations: readonly string[] = [],
): Promise<Load> {
  const run = ++runs;
  const users = Array.from({ length: senders }, (_, i) => `load-${i}`);
  const clients = await Promise.all(users.map((user) => connect(server, { user })));
  const ids = [...conversations];
  while (ids.length < 2)
    ids.push(await openConversation(clients[0] as TestClient, users, `Load ${ids.length}`));
  const sends: Send[] = [];
  const closes: Closed[] = [];
  let stopped = false;
  let acked = 0;
  let watch = (): void => {};

  const sendOne = async (client: TestClient, s: number, n: number): Promise<void> => {
    const send: Send = {
      conversation: ids[n % ids.length] as string,
      key: `r${run}-${s}-${n}`,
      outcome: "unknown",
    };
    sends.push(send);
    const answer = await client.ask("message.send", {
      conversation_id: send.conversation,
      message_id: send.key,
      content: `message ${send.key}`,
    });
    if (answer.event === "message.ack") {
      Object.assign(send, { outcome: "acked", id: answer.payload.id, seq: answer.payload.seq });
      acked++;
      watch();
      return;
    }
    const { code } = answer.payload;
    if (code !== "unavailable" && code !== "overloaded") throw new Error(`refused with ${code}`);
    // Nothing was acknowledged, but an answer of `unavailable` may have been given to a batch that was stored.
    await new Promise((resolve) => setTimeout(resolve, 100));
  };

  const working = clients.map(async (client, s) => {
    void client.closed.then((closed) => closes.push(closed));
    let n = 0;
    // Every second one has eight under way, the others one.
    const width = s % 2 === 0 ? 8 : 1;
    while (!stopped && client.socket.readyState === client.socket.OPEN) {
      const some = await Promise.allSettled(Array.from({ length: width }, () => sendOne(client, s, n++)));
      const failed = some.find((one) => one.status === "rejected");
      if (failed !== undefined && client.socket.readyState === client.socket.OPEN) throw failed.reason;
    }
  });

  return {
    sends,
    conversations: ids,
    closes,
    acked: () => acked,
    async untilAcked(more) {
      const goal = acked + more;
      await new Promise<void>((resolve) => {
        watch = () => {
          if (acked >= goal) resolve();
        };
      });
    },
    async stop() {
      stopped = true;
      await Promise.all(working);
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
