import { Client, type ClientConfig } from "pg";
import { createClient } from "redis";
import { INSERT, SCHEMA } from "./bare-insert.ts";

/** What one message of ours takes in Redis. */
const TEXT = "x".repeat(150);
const GROUP = "drain";
const STREAM = "bare";
const ROWS = 512;
const CONVERSATIONS = 200;

async function withRedis<T>(
  url: string,
  work: (redis: ReturnType<typeof createClient>) => Promise<T>,
): Promise<T> {
  const redis = createClient({ url });
  redis.on("error", () => {});
  await redis.connect();
  try {
    return await work(redis as ReturnType<typeof createClient>);
  } finally {
    redis.destroy();
  }
}

/** XADD with so many unanswered at any time, for so long; how many were answered a second. */
export function bareAppend(url: string, unanswered: number, seconds: number): Promise<number> {
  return withRedis(url, async (redis) => {
    let done = 0;
    let stopped = false;
    const from = performance.now();
    const line = async () => {
      while (!stopped) {
        await redis.sendCommand(["XADD", STREAM, "*", "d", TEXT]);
        done++;
      }
    };
    const lines = Array.from({ length: unanswered }, line);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    stopped = true;
    const rate = done / ((performance.now() - from) / 1000);
    await Promise.all(lines);
    return rate;
  });
}

/**
 * A stream with so many entries, drained by the book: XREADGROUP, one INSERT for all that came, XACK when it is
 * committed. Seconds it took.
 */
export function bareDrain(url: string, config: ClientConfig, entries: number): Promise<number> {
  return withRedis(url, async (redis) => {
    for (let added = 0; added < entries; added += ROWS) {
      const count = Math.min(ROWS, entries - added);
      await Promise.all(
        Array.from({ length: count }, () => redis.sendCommand(["XADD", STREAM, "*", "d", TEXT])),
      );
    }
    await redis.sendCommand(["XGROUP", "CREATE", STREAM, GROUP, "0"]);
    const client = new Client({ ...config, pipeline: true });
    await client.connect();
    await client.query(SCHEMA);
    const sequences = new Float64Array(CONVERSATIONS);
    let id = 0;

    const from = performance.now();
    let storing: Promise<unknown> = Promise.resolve();
    for (let read = 0; read < entries; ) {
      const answer = (await redis.sendCommand([
        "XREADGROUP",
        "GROUP",
        GROUP,
        "one",
        "COUNT",
        String(ROWS),
        "STREAMS",
        STREAM,
        ">",
      ])) as Record<string, [string, string[]][]>;
      const rows = answer[STREAM] ?? [];
      read += rows.length;
      const columns: unknown[][] = [[], [], [], [], [], []];
      for (const [, fields] of rows) {
        const conversation = id % CONVERSATIONS;
        sequences[conversation]! += 1;
        const row = [
          conversation,
          sequences[conversation],
          id,
          `user${conversation}`,
          null,
          fields[1]!.slice(0, 60),
        ];
        for (const [i, value] of row.entries()) columns[i]!.push(value);
        id++;
      }
      // The next are read and made ready while these are stored.
      await storing;
      storing = client
        .query({ name: "insert", text: INSERT, values: columns })
        .then(() => redis.sendCommand(["XACK", STREAM, GROUP, ...rows.map(([entry]) => entry)]));
    }
    await storing;
    const seconds = (performance.now() - from) / 1000;
    await client.end();
    return seconds;
  });
}
