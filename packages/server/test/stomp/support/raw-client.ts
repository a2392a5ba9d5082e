import { once } from "node:events";
import { WebSocket } from "ws";
import { type Frame, FrameParser } from "../../../src/dialects/stomp/frames/parser.ts";
import type { StompVersion } from "../../../src/dialects/stomp/frames/version.ts";

/** Sends any bytes over a WebSocket and keeps what comes back. */
export interface RawClient {
  readonly socket: WebSocket;
  readonly frames: readonly Frame[];
  /** WebSocket messages as they came. */
  readonly messages: readonly string[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  send(...texts: (string | Buffer)[]): void;
  /** The first frame of a command from the `from`th on, whether it came already or is yet to come. */
  until(command: string, from?: number): Promise<Frame>;
}

const PATIENCE_MS = 15_000;

export async function openRaw(
  url: string,
  path = "/ws-raw",
  protocols: string[] = ["v12.stomp"],
  answersPings = true,
): Promise<RawClient> {
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, protocols, { autoPong: answersPings });
  const frames: Frame[] = [];
  const messages: string[] = [];
  const parser = new FrameParser({ maxHeadBytes: 1 << 20, maxHeaders: 100, maxBodyBytes: 1 << 26 });
  let heard = (): void => {};
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => {
      resolve({ code, reason: reason.toString() });
      heard();
    });
  });
  socket.on("error", () => {});
  socket.on("message", (data: Buffer) => {
    messages.push(data.toString());
    parser.add(data);
    for (let frame = parser.next(); frame !== null; frame = parser.next()) {
      frames.push(frame);
      if (frame.command === "CONNECTED") parser.version = frame.headers.get("version") as StompVersion;
    }
    heard();
  });
  await once(socket, "open");
  return {
    socket,
    frames,
    messages,
    closed,
    send(...texts) {
      for (const text of texts) socket.send(text);
    },
    async until(command, from = 0) {
      const deadline = performance.now() + PATIENCE_MS;
      for (;;) {
        const found = frames.slice(from).find((frame) => frame.command === command);
        if (found !== undefined) return found;
        if (socket.readyState === WebSocket.CLOSED || performance.now() > deadline) {
          throw new Error(`no ${command}: ${JSON.stringify(messages)}`);
        }
        await new Promise<void>((resolve) => {
          heard = resolve;
          setTimeout(resolve, 1_000);
        });
      }
    },
  };
}

export async function openConnected(
  url: string,
  { login = "ann", version = "1.2", more = "" } = {},
): Promise<RawClient> {
  const client = await openRaw(url);
  client.send(`CONNECT\naccept-version:${version}\nlogin:${login}\n${more}\n\0`);
  await client.until("CONNECTED");
  return client;
}
