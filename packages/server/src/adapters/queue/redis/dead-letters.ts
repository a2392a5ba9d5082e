import { isReply, type Redis } from "../../redis/redis.ts";
import { createEntries, keyOf } from "./entry.ts";
import { type Partition, partitionsOf } from "./partitions.ts";
import { REVIVE } from "./scripts.ts";

/** A queued message that could not be stored. */
export interface DeadLetter {
  /** Names it for a replay: its partition and its entry there. */
  readonly name: string;
  /** Epoch ms. */
  readonly at: number;
  /** A refusal's code, or `unreadable`. */
  readonly why: string;
  /** Null of what is no message at all. */
  readonly messageId: number | null;
  readonly conversationId: number | null;
  readonly senderId: string | null;
}

export interface DeadLetters {
  /** The oldest of each partition first. */
  list(limit: number): Promise<readonly DeadLetter[]>;
  /** Puts one behind what waits; false where there is none of that name. */
  replay(name: string): Promise<boolean>;
}

const NAME = /^(\d+)\/(\d+-\d+)$/;

export function openDeadLetters(redis: Redis, prefix: string, secret: Buffer): DeadLetters {
  const partitions = partitionsOf(prefix);
  const drafts = createEntries(secret);

  const read = async ({ dead }: Partition, from: string, to: string, limit: number) =>
    (await redis.send(dead, ["XRANGE", dead, from, to, "COUNT", String(limit)])) as [string, string[]][];

  return {
    async list(limit) {
      const letters: DeadLetter[] = [];
      for (const partition of partitions) {
        if (letters.length >= limit) break;
        for (const [entryId, fields] of await read(partition, "-", "+", limit - letters.length)) {
          const [, text = "", , why = "", , at = ""] = fields;
          const draft = drafts.read(text);
          letters.push({
            name: `${partition.number}/${entryId}`,
            at: Number(at),
            why,
            messageId: draft?.id ?? null,
            conversationId: draft?.conversationId ?? null,
            senderId: draft?.senderId ?? null,
          });
        }
      }
      return letters;
    },
    async replay(name) {
      const [, number, entryId = ""] = NAME.exec(name) ?? [];
      const partition = partitions[Number(number)];
      if (partition === undefined) return false;
      try {
        const [[, fields] = []] = await read(partition, entryId, entryId, 1);
        if (fields === undefined) return false;
        const draft = drafts.read(fields[1] ?? "");
        const { entries, ids, keys, dead } = partition;
        const revived = await redis.run(
          REVIVE,
          [entries, ids, keys, dead],
          draft === null
            ? [entryId, "", "", ""]
            : [entryId, String(draft.id), keyOf(draft), String(draft.contentHash ?? "")],
        );
        return revived === 1;
      } catch (error) {
        // An entry's name that no stream can have.
        if (isReply(error) && error.message.includes("Invalid stream ID")) return false;
        throw error;
      }
    },
  };
}
