import { rmSync } from "node:fs";
import type { Browser, BrowserContextOptions, CDPSession, Page } from "playwright-core";
import { WebSocket } from "ws";
import { launchChromium } from "../../../packages/server/test/support/chromium.ts";
import {
  type ServerProcess,
  scratchDirectory,
  startServer,
} from "../../../packages/server/test/support/server.ts";
import { builtApp } from "../test/support/built-app.ts";

/** Requests of one person that may wait for their answers. */
const AT_ONCE = 400;

/** A server with the app of now, a browser, and people who need none. */
export interface Stage extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly browser: Browser;
  enter(name: string, options?: BrowserContextOptions): Promise<Seat>;
  voice(user: string, name?: string): Promise<Voice>;
}

/** Somebody in front of the app. */
export interface Seat {
  readonly page: Page;
  readonly devtools: CDPSession;
  /** MiB of the page's JavaScript heap once everything that may go has gone, and nodes of the document. */
  held(): Promise<{ readonly heapMiB: number; readonly nodes: number; readonly listeners: number }>;
}

/** Somebody at a bare socket. */
export interface Voice {
  readonly user: string;
  ask(event: string, payload: object): Promise<Record<string, unknown>>;
  /** Many requests; waits only where too many have no answer yet. */
  stream(event: string, payload: object): Promise<void>;
  /** All that was streamed is answered. */
  settled(): Promise<void>;
  rest(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
}

export async function openStage(): Promise<Stage> {
  const dataDir = scratchDirectory();
  const server = await startServer({
    DATA_DIR: dataDir,
    WEB_APP_DIR: await builtApp(),
    RATE_LIMIT_MESSAGES: "off",
    RATE_LIMIT_REACTIONS: "off",
    MAX_FRAMES_PER_SECOND: "100000",
  });
  const browser = await launchChromium();
  const sockets: WebSocket[] = [];
  return {
    server,
    browser,
    enter: (name, options) => enter(server, browser, name, options),
    async voice(user, name) {
      const { body } = await server.request("/api/dev/token", {
        body: { user, ...(name !== undefined && { name }) },
      });
      const { voice, socket } = await speak(server, user, body.token);
      sockets.push(socket);
      return voice;
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      for (const socket of sockets) socket.terminate();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function enter(
  server: ServerProcess,
  browser: Browser,
  name: string,
  options: BrowserContextOptions = {},
): Promise<Seat> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  await page.goto(server.url);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Enter" }).click();
  await page.getByRole("navigation", { name: "Conversations" }).waitFor();
  const devtools = await context.newCDPSession(page);
  await devtools.send("HeapProfiler.enable");
  return {
    page,
    devtools,
    async held() {
      // Twice: what the first finds to be finalised only the second frees.
      await devtools.send("HeapProfiler.collectGarbage");
      await devtools.send("HeapProfiler.collectGarbage");
      const { usedSize } = await devtools.send("Runtime.getHeapUsage");
      const { nodes, jsEventListeners } = await devtools.send("Memory.getDOMCounters");
      return { heapMiB: usedSize / 1024 / 1024, nodes, listeners: jsEventListeners };
    },
  };
}

async function speak(
  server: ServerProcess,
  user: string,
  token: string,
): Promise<{ readonly voice: Voice; readonly socket: WebSocket }> {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws?token=${token}`);
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  let last = 0;
  let room = Promise.withResolvers<void>();
  let empty = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  socket.on("message", (data) => {
    const { event, id, payload } = JSON.parse(String(data));
    if (event === "ready") ready.resolve();
    const asked = waiting.get(id);
    if (asked === undefined) return;
    waiting.delete(id);
    if (event === "error") asked.reject(new Error(`${payload.code}: ${payload.message}`));
    else asked.resolve(payload);
    if (waiting.size < AT_ONCE) room.resolve();
    if (waiting.size === 0) empty.resolve();
  });
  socket.on("close", (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`closed with ${code}`));
    ready.reject(new Error(`closed with ${code}`));
  });
  await ready.promise;
  socket.send(JSON.stringify({ event: "ping", payload: {} }));

  const ask: Voice["ask"] = (event, payload) => {
    const id = ++last;
    const asked = Promise.withResolvers<Record<string, unknown>>();
    waiting.set(id, asked);
    socket.send(JSON.stringify({ event, id, payload }));
    return asked.promise;
  };
  const voice: Voice = {
    user,
    ask,
    async stream(event, payload) {
      if (event === "typing") {
        socket.send(JSON.stringify({ event, payload }));
        return;
      }
      if (waiting.size >= AT_ONCE) {
        room = Promise.withResolvers();
        await room.promise;
      }
      void ask(event, payload).catch((error: Error) => console.warn(`${user}: ${error.message}`));
    },
    async settled() {
      if (waiting.size === 0) return;
      empty = Promise.withResolvers();
      await empty.promise;
    },
    async rest(method, path, body) {
      const answer = await server.request(`/api/chat${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
        ...(body !== undefined && { body }),
      });
      if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
      return answer.body.data;
    },
  };
  return { voice, socket };
}
