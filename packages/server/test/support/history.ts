import type { ServerProcess } from "./server.ts";

/** What a client did and learned of one send. */
export interface Send {
  readonly conversation: string;
  /** Its message_id: unique in the whole run. */
  readonly key: string;
  /** `unknown`: no answer came, it may be stored or not. */
  outcome: "acked" | "refused" | "unknown";
  id?: string;
  seq?: number;
}

/** One message as history or a listener showed it. */
export interface Seen {
  readonly conversation: string;
  readonly key: string;
  readonly id: string;
  readonly seq: number;
}

export type AnomalyKind =
  /** Acknowledged, and not in history. */
  | "lost"
  /** One key, two messages. */
  | "duplicate"
  /** A seq is missing in history, where only messages ticked. */
  | "gap"
  /** A listener saw a lower seq after a higher one. */
  | "inversion"
  /** A listener that heard everything else has not heard it. */
  | "hole"
  /** In history or seen by a listener, but refused, never sent, or not in history. */
  | "phantom"
  /** The ack said another seq or id than history. */
  | "stale-ack";

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly key: string;
}

/**
 * Judges a run by what clients were told and what is there in the end. O(n).
 * @param history all messages of all conversations, in rising order of seq in each
 * @param sessions what each listener saw, in its order, since it last started anew
 * @param complete the same of those who listened from the first message to the last
 * @param firstSeq the seq that the first message of a conversation must have
 */
export function checkHistory(run: {
  readonly sends: readonly Send[];
  readonly history: readonly Seen[];
  readonly sessions?: readonly (readonly Seen[])[];
  readonly complete?: readonly (readonly Seen[])[];
  readonly firstSeq: number;
}): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const report = (kind: AnomalyKind, key: string) => anomalies.push({ kind, key });
  const sends = new Map(run.sends.map((send) => [send.key, send]));
  const stored = new Map<string, Seen>();
  const next = new Map<string, number>();
  for (const message of run.history) {
    const { conversation, key, seq } = message;
    if (stored.has(key)) report("duplicate", key);
    else stored.set(key, message);
    const send = sends.get(key);
    if (send === undefined || send.outcome === "refused") report("phantom", key);
    if (seq !== (next.get(conversation) ?? run.firstSeq)) report("gap", key);
    next.set(conversation, seq + 1);
  }
  for (const { key, outcome, id, seq } of run.sends) {
    if (outcome !== "acked") continue;
    const message = stored.get(key);
    if (message === undefined) report("lost", key);
    else if (message.id !== id || message.seq !== seq) report("stale-ack", key);
  }
  const { sessions = [], complete = [] } = run;
  for (const session of complete) {
    const heard = new Set(session.map(({ key }) => key));
    for (const key of stored.keys()) if (!heard.has(key)) report("hole", key);
  }
  for (const session of [...sessions, ...complete]) {
    const last = new Map<string, number>();
    for (const { conversation, key, id, seq } of session) {
      if (stored.get(key)?.id !== id) report("phantom", key);
      if (seq <= (last.get(conversation) ?? 0)) report("inversion", key);
      last.set(conversation, seq);
    }
  }
  return anomalies;
}

/** The whole history of a conversation over REST, in rising order of seq. */
export async function readHistory(server: ServerProcess, conversation: string): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const { status, body } = await server.request(`/api/v1/chat/${conversation}?limit=100${query}`);
    if (status !== 200) throw new Error(`history: ${status} ${JSON.stringify(body)}`);
    for (const { message_id, id, seq } of body.messages)
      seen.push({ conversation, key: message_id, id, seq });
    cursor = body.next_cursor;
  }
  return seen.toReversed();
}
