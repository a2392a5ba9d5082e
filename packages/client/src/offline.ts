import type { Client } from "./client.ts";
import type { ClientSnapshot } from "./model.ts";
import type { ClientStorage } from "./storage-port.ts";

const SAVE_MS = 2_000;

/** Of the inbox the first, of these the timelines that are there, and of each the newest. */
const CONVERSATIONS = 100;
const TIMELINES = 20;
const MESSAGES = 50;

function snapshotOf(client: Client): ClientSnapshot | null {
  const me = client.get("me");
  if (me === null) return null;
  const ids = client.get("inbox").ids.slice(0, CONVERSATIONS);
  const loaded = ids
    .map((id) => client.get(`timeline:${id}`))
    .filter(({ status, hasNewer }) => status === "ready" && !hasNewer);
  return {
    version: 1,
    me,
    conversations: ids.flatMap((id) => client.get(`conversation:${id}`) ?? []),
    timelines: loaded.slice(0, TIMELINES).map(({ conversationId, messages, hasOlder }) => {
      const stored = messages.filter(({ state }) => state === "stored");
      return {
        conversationId,
        messages: stored.slice(-MESSAGES),
        hasOlder: hasOlder || stored.length > MESSAGES,
      };
    }),
  };
}

/**
 * Shows what an earlier run has shown before there is a connection, and keeps what is shown for the next: the first
 * hundred conversations, and the newest fifty messages of twenty that were looked at. Await it, then `start`.
 * Where the storage refuses, the next run begins with nothing.
 * @param name whose it is, where several may use this device: a user's id
 * @returns what ends it
 */
export async function keepState(client: Client, storage: ClientStorage, name: string): Promise<() => void> {
  const key = `parlance:state:${name}`;
  try {
    const kept = JSON.parse((await storage.get(key)) ?? "null") as ClientSnapshot | null;
    if (kept?.version === 1) client.restore(kept);
  } catch {
    // What cannot be read is replaced by what is shown next.
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const save = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const snapshot = snapshotOf(client);
    if (snapshot !== null) await storage.set(key, JSON.stringify(snapshot));
  };
  const saveNow = (): void => void save().catch(() => {});
  const saveSoon = (): void => {
    timer ??= setTimeout(saveNow, SAVE_MS);
  };
  const unsubscribe = client.subscribe("inbox", saveSoon);
  globalThis.addEventListener?.("pagehide", saveNow);
  return () => {
    unsubscribe();
    globalThis.removeEventListener?.("pagehide", saveNow);
    if (timer !== undefined) saveNow();
  };
}
