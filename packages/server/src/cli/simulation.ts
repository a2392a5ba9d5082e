import { randomBytes, randomInt, randomUUID } from "node:crypto";

export interface SimulationOptions {
  /** Of the server, without a path. */
  readonly url: string;
  /** A service's, where the server wants one. */
  readonly token: string | null;
  readonly messages: number;
  /** Between one message and the next; 0: ten are under way at once. */
  readonly intervalMs: number;
  /** Called with each message that is settled. */
  readonly settled: (done: number) => void;
}

export interface Simulated {
  readonly sent: number;
  readonly stored: number;
  /** Why those that are not stored are not, each reason once. */
  readonly reasons: readonly string[];
  /** Milliseconds from sending to the 202, and to being seen in history, ascending. */
  readonly toAccepted: readonly number[];
  readonly toStored: readonly number[];
}

const PATH = "/api/v1/messages";
const AT_ONCE = 10;
/** So that nobody meets a default rate limit: each sends ten, and may open a conversation with each. */
const MESSAGES_PER_USER = 10;
const LEAST_USERS = 4;
/** What was accepted and is not in history by then is missing. */
const STORED_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 20;
const REQUEST_MS = 30_000;

const WORDS =
  "hello there how are you today I was just thinking about lunch see soon thanks great no yes maybe".split(
    " ",
  );

/** Messages between random people, sent through the queue dialect as any client would, each looked for afterwards. */
export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const { messages, intervalMs } = options;
  const run = randomBytes(3).toString("hex");
  const users = Math.max(LEAST_USERS, Math.ceil(messages / MESSAGES_PER_USER));
  const [toAccepted, toStored]: [number[], number[]] = [[], []];
  const reasons = new Set<string>();
  let next = 0;
  let done = 0;

  const one = async (i: number): Promise<void> => {
    const from = i % users;
    const to = (from + 1 + randomInt(users - 1)) % users;
    const [sender, receiver] = [`sim-${run}-${from}`, `sim-${run}-${to}`];
    const started = performance.now();
    try {
      const id = await post(options, sender, receiver);
      toAccepted.push(performance.now() - started);
      await untilStored(options, sender, receiver, id);
      toStored.push(performance.now() - started);
    } catch (error) {
      reasons.add(reasonOf(error));
    }
    options.settled(++done);
  };
  const worker = async (): Promise<void> => {
    while (next < messages) await one(next++);
  };

  if (intervalMs === 0) {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } else {
    const started: Promise<void>[] = [];
    for (let i = 0; i < messages; i++) {
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, intervalMs));
      started.push(one(i));
    }
    await Promise.all(started);
  }
  const ascending = (times: number[]): number[] => times.sort((a, b) => a - b);
  return {
    sent: messages,
    stored: toStored.length,
    reasons: [...reasons],
    toAccepted: ascending(toAccepted),
    toStored: ascending(toStored),
  };
}

async function post(options: SimulationOptions, sender: string, receiver: string): Promise<string> {
  const content = Array.from({ length: 3 + randomInt(10) }, () => WORDS[randomInt(WORDS.length)]).join(" ");
  const body = { sender_id: sender, receiver_id: receiver, content };
  const answer = await ask(options, PATH, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": randomUUID() },
    body: JSON.stringify(body),
  });
  return (answer as { readonly message_id: string }).message_id;
}

async function untilStored(
  options: SimulationOptions,
  sender: string,
  receiver: string,
  id: string,
): Promise<void> {
  const page = `${PATH}?${new URLSearchParams({ user1: sender, user2: receiver, limit: "100" })}`;
  const deadline = performance.now() + STORED_WITHIN_MS;
  for (;;) {
    const { data } = (await ask(options, page)) as {
      readonly data: readonly { readonly message_id: string }[];
    };
    if (data.some((message) => message.message_id === id)) return;
    if (performance.now() > deadline) throw new Error("accepted, and not in history within 10 s");
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

async function ask(
  { url, token }: SimulationOptions,
  path: string,
  init: RequestInit = {},
): Promise<unknown> {
  const headers = new Headers(init.headers);
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  const response = await fetch(url + path, { ...init, headers, signal: AbortSignal.timeout(REQUEST_MS) });
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body;
  const { error = "" } = (body ?? {}) as { readonly error?: unknown };
  throw new Error(`answered ${response.status} ${typeof error === "string" ? error : ""}`.trim());
}

/** What fetch() says of a lost connection stands in the error's cause. */
export function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : message;
}
