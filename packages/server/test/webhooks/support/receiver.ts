import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** By performance.now(). */
  readonly at: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test knows of it, it expects
  readonly event: any;
}

export type Answering = (response: ServerResponse, received: Received, nth: number) => void;

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  /** How requests are answered from now on; 204 until this is called. */
  answer(answering: Answering): void;
  on(path: string): Received[];
  /** Resolves when as many have come. */
  count(n: number, path?: string): Promise<Received[]>;
}

/** Somebody's endpoint; with a certificate over TLS. */
export async function openReceiver(
  host = "127.0.0.1",
  certificate: { readonly key: string; readonly cert: string } | null = null,
): Promise<Receiver> {
  const received: Received[] = [];
  let answering: Answering = (response) => response.writeHead(204).end();
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    const one: Received = {
      path: request.url ?? "",
      headers: request.headers,
      body,
      at: performance.now(),
      event: body === "" ? null : JSON.parse(body),
    };
    received.push(one);
    answering(response, one, received.filter(({ path }) => path === one.path).length);
  };
  const server =
    certificate === null ? createServer(listener) : createSecureServer({ ...certificate }, listener);
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const on = (path: string) => received.filter((one) => one.path === path);
  return {
    url: `${certificate === null ? "http" : "https"}://${host}:${port}`,
    port,
    received,
    on,
    answer: (next) => {
      answering = next;
    },
    async count(n, path) {
      for (let waited = 0; waited < 20_000; waited += 20) {
        const found = path === undefined ? received : on(path);
        if (found.length >= n) return [...found];
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`only ${(path === undefined ? received : on(path)).length} of ${n} came to ${path}`);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** As the standard's own library has it; throws where the signature is not right. */
export function verify({ body, headers }: Received, secret: string): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}
