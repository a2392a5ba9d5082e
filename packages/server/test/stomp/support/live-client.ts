import { readId } from "@parlance/protocol/ids.ts";
import type { ServerProcess } from "../../support/server.ts";
import { openRaw, type RawClient } from "./raw-client.ts";

/** One MESSAGE as a subscriber has it. */
export interface Told {
  readonly subscription: string;
  readonly destination: string;
  readonly id: string;
  readonly position: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly body: any;
}

/** A connected client of the real server, with everything it was told. */
export interface LiveTestClient {
  readonly raw: RawClient;
  readonly connected: ReadonlyMap<string, string>;
  /** In order; of one subscription where it is named. */
  told(subscription?: string): Told[];
  /** Subscribes under the topic's own name unless told otherwise; resolves with the receipt. */
  subscribe(topic: string, headers?: Readonly<Record<string, string>>): Promise<void>;
  unsubscribe(id: string): Promise<void>;
  /** A SEND without a receipt. */
  send(name: string, body: unknown, headers?: Readonly<Record<string, string>>): void;
  /** A SEND with one: resolves when it came. */
  ask(name: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<void>;
  /** The first that fits, from the `from`th of its subscription on. */
  until(subscription: string, fits?: (told: Told) => boolean, from?: number): Promise<Told>;
  /** The next error it is told, and its subscription made if need be. */
  error(from?: number): Promise<Told["body"]>;
  drop(): void;
  close(): void;
  [Symbol.dispose](): void;
}

const PATIENCE_MS = 15_000;

export async function tokenOf(server: ServerProcess, user: string, name?: string): Promise<string> {
  const { body } = await server.request("/api/dev/token", { body: { user, name } });
  return body.token;
}

export function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll(":", "\\c").replaceAll("\n", "\\n");
}

const lines = (headers: Readonly<Record<string, string>>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}:${escaped(value)}\n`)
    .join("");

export async function openLive(
  server: ServerProcess,
  user: string,
  {
    path = "/ws-raw",
    version = "1.2",
    token,
    ...options
  }: {
    path?: string;
    version?: string;
    token?: string;
    name?: string;
    more?: string;
  } = {},
): Promise<LiveTestClient> {
  const raw = await openRaw(server.url, path);
  const shown = token ?? (await tokenOf(server, user, options.name));
  raw.send(`CONNECT\naccept-version:${version}\nAuthorization:Bearer ${shown}\n${options.more ?? ""}\n\0`);
  const { headers: connected } = await raw.until("CONNECTED");
  let receipts = 0;

  const told = (subscription?: string): Told[] =>
    raw.frames
      .filter(({ command, headers }) => {
        return (
          command === "MESSAGE" &&
          (subscription ?? headers.get("subscription")) === headers.get("subscription")
        );
      })
      .map(({ headers, body }) => ({
        subscription: headers.get("subscription") as string,
        destination: headers.get("destination") as string,
        id: headers.get("message-id") as string,
        position: headers.get("position"),
        body: JSON.parse(body.toString()),
      }));

  async function poll<T>(find: () => T | undefined, what: string): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (performance.now() > deadline || raw.socket.readyState > 1) {
        throw new Error(`no ${what}: ${raw.messages.slice(-20).join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  const receipt = (id: string): Promise<unknown> =>
    poll(
      () =>
        raw.frames.find(({ command, headers }) => command === "RECEIPT" && headers.get("receipt-id") === id),
      `receipt ${id}`,
    );
  const close = (): void => raw.socket.terminate();

  return {
    raw,
    connected,
    told,
    async subscribe(topic, headers = {}) {
      const id = `r${++receipts}`;
      const all = { id: topic, destination: `/user/queue/chat/${topic}`, receipt: id, ...headers };
      raw.send(`SUBSCRIBE\n${lines(all)}\n\0`);
      await receipt(id);
    },
    async unsubscribe(subscription) {
      const id = `r${++receipts}`;
      raw.send(`UNSUBSCRIBE\nid:${subscription}\nreceipt:${id}\n\n\0`);
      await receipt(id);
    },
    send(name, body, headers = {}) {
      raw.send(`SEND\ndestination:/app/chat.${name}\n${lines(headers)}\n${JSON.stringify(body)}\0`);
    },
    async ask(name, body, headers = {}) {
      const id = `r${++receipts}`;
      const head = `destination:/app/chat.${name}\nreceipt:${id}\n`;
      raw.send(`SEND\n${head}${lines(headers)}\n${body === undefined ? "" : JSON.stringify(body)}\0`);
      await receipt(id);
    },
    until: (subscription, fits = () => true, from = 0) =>
      poll(() => told(subscription).slice(from).find(fits), `message on ${subscription}`),
    error: (from = 0) => poll(() => told("errors")[from]?.body, "error"),
    drop: close,
    close,
    [Symbol.dispose]: close,
  };
}

/** The conversation of these people, made by the first of them. */
export async function conversationOf(
  server: ServerProcess,
  people: readonly string[],
  name?: string,
): Promise<number> {
  const { body } = await server.request("/api/v1/chats", {
    headers: { "x-user-id": people[0] as string },
    body: { participants: people, ...(name !== undefined && { name }) },
  });
  return readId("conversation", body.conversation_id) as number;
}
