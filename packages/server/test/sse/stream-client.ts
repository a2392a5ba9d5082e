import { connect, type Socket } from "node:net";
import type { ServerProcess } from "../support/server.ts";

/** One block of an event stream as a browser would dispatch it. */
export interface StreamEvent {
  readonly name: string;
  /** The last event id once it was dispatched. */
  readonly id: string;
  // What a test knows of an event it says by its expectations.
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly data: any;
}

export interface ListenOptions {
  readonly user?: string;
  readonly token?: string;
  readonly lastEventId?: string | undefined;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the connection as soon as so many bytes of the stream have come; what is beyond them is not read. */
  readonly cutAfter?: number;
}

/** A listener on a bare socket that keeps all it gets. */
export interface StreamClient {
  readonly socket: Socket;
  readonly status: number;
  readonly head: string;
  /** Everything after the head so far. */
  body(): string;
  /** Dispatched so far, in order. */
  events(): readonly StreamEvent[];
  /** Events without a name: messages. */
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  messages(): any[];
  lastEventId(): string;
  until(match: (events: readonly StreamEvent[]) => boolean, what: string): Promise<void>;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** As when a cable is pulled. */
  cut(): Promise<void>;
}

const PATIENCE_MS = 15_000;

/** Connects; resolves with the head of the answer and, where it is a stream, its first block. */
export async function listen(
  server: Pick<ServerProcess, "url">,
  options: ListenOptions = {},
): Promise<StreamClient> {
  const { hostname, port, host } = new URL(server.url);
  const query = new URLSearchParams(options.query ?? "stream=messages");
  if (options.user !== undefined) query.set("user_id", options.user);
  if (options.token !== undefined) query.set("token", options.token);
  const headers = {
    host,
    accept: "text/event-stream",
    ...(options.lastEventId !== undefined && { "last-event-id": options.lastEventId }),
    ...options.headers,
  };
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(
    `GET /events?${query} HTTP/1.1\r\n` +
      Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("") +
      "\r\n",
  );
  const watchers = new Set<() => void>();
  let isClosed = false;
  let head = "";
  let early: Buffer = Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let length = 0;
  const closed = new Promise<void>((resolve) =>
    socket.once("close", () => {
      isClosed = true;
      for (const watch of watchers) watch();
      resolve();
    }),
  );
  const take = (chunk: Buffer): void => {
    const rest = chunk.subarray(0, limit - length);
    if (rest.length > 0) chunks.push(rest);
    length += rest.length;
    if (length >= limit) socket.destroy();
  };
  const limit = options.cutAfter ?? Number.POSITIVE_INFINITY;
  socket.on("data", (chunk: Buffer) => {
    if (head === "") {
      early = Buffer.concat([early, chunk]);
      const end = early.indexOf("\r\n\r\n");
      if (end === -1) return;
      head = early.toString("latin1", 0, end + 2);
      take(early.subarray(end + 4));
    } else take(chunk);
    for (const watch of watchers) watch();
  });

  const body = (): string => Buffer.concat(chunks).toString("utf8");
  const waitFor = (isThere: () => boolean, what: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        watchers.delete(watch);
        clearTimeout(timer);
        end();
      };
      const watch = (): void => {
        if (isThere()) settle(resolve);
        else if (isClosed) settle(() => reject(new Error(`closed while waiting for ${what}`)));
      };
      const timer = setTimeout(() => {
        settle(() => reject(new Error(`no ${what}; the stream ends with ${body().slice(-500)}`)));
      }, PATIENCE_MS);
      watchers.add(watch);
      watch();
    });

  await waitFor(() => head !== "", "head");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  if (status === 200 && limit > 40) await waitFor(() => body().includes("\n\n"), "first block");
  const events = (): StreamEvent[] => eventsOf(body()).events;
  return {
    socket,
    status,
    head,
    body,
    events,
    messages: () =>
      events()
        .filter(({ name }) => name === "message")
        .map(({ data }) => data),
    lastEventId: () => eventsOf(body()).lastEventId,
    until: (match, what) => waitFor(() => match(events()), what),
    closed,
    async cut() {
      socket.destroy();
      await closed;
    },
  };
}

/** By the rules of the standard: only whole blocks count, an id without data is kept, comments are nothing. */
export function eventsOf(body: string): { events: StreamEvent[]; lastEventId: string } {
  const events: StreamEvent[] = [];
  let lastEventId = "";
  for (const block of body.split("\n\n").slice(0, -1)) {
    let name = "message";
    let data: string | null = null;
    for (const line of block.split("\n")) {
      const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (field === "id") lastEventId = value;
      else if (field === "event") name = value;
      else if (field === "data") data = data === null ? value : `${data}\n${value}`;
    }
    if (data !== null) events.push({ name, id: lastEventId, data: JSON.parse(data) });
  }
  return { events, lastEventId };
}

let keys = 0;

/** Posts a message and resolves to it; throws where it is refused. */
export async function post(
  server: ServerProcess,
  user: string,
  chatId: number,
  text: string,
  key = `key-${++keys}`,
) {
  const { status, body } = await server.request(`/chats/${chatId}/messages`, {
    headers: { "x-user-id": user, "idempotency-key": key },
    body: { text },
  });
  if (status !== 200) throw new Error(`refused with ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** Opens a group and resolves to its id as this dialect spells it. */
export async function openChat(
  server: ServerProcess,
  users: readonly string[],
  name: string,
): Promise<number> {
  const headers = { "x-user-id": users[0] as string };
  const opened = await server.request("/api/v1/chats", { headers, body: { participants: users, name } });
  if (opened.status >= 300) throw new Error(`refused with ${opened.status}`);
  const { body } = await server.request("/chats", { headers });
  return body.find((chat: { name: string }) => chat.name === name).id;
}
