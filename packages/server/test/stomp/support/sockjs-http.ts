import { once } from "node:events";
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request on a connection of its own, as it is written: no clean-up of the path. */
async function ask(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: string | Buffer,
): Promise<Answer> {
  const sending = open(url, method, headers);
  sending.end(body);
  const [response] = (await once(sending, "response")) as [IncomingMessage];
  response.setEncoding("utf8");
  let text = "";
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, headers: response.headers, body: text };
}

function open(url: string, method: string, headers: Record<string, string> = {}): ClientRequest {
  const { hostname, port, origin } = new URL(url);
  return request({ hostname, port, path: url.slice(origin.length), method, headers, agent: false });
}

export function get(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return ask(url, method, headers);
}

export function post(
  url: string,
  body: string | Buffer = "",
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(url, "POST", headers, body);
}

/** A response that is read while it comes. */
export interface Stream {
  readonly headers: IncomingHttpHeaders;
  /** All of it, when it has ended. */
  readonly ended: Promise<string>;
  /** Resolves when exactly this has come, from the beginning. */
  until(text: string): Promise<void>;
  /** Breaks the connection off. */
  destroy(): void;
}

const PATIENCE_MS = 10_000;

/** @param silent resolves when the request is sent: nothing is said yet, not even headers */
export async function stream(url: string, method: "GET" | "POST", silent = false): Promise<Stream> {
  const sending = open(url, method);
  sending.on("error", () => {});
  sending.end();
  let text = "";
  let heard = (): void => {};
  let end = (_: string): void => {};
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  const take = (response: IncomingMessage): void => {
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
      heard();
    });
    response.on("error", () => {});
    response.on("close", () => {
      end(text);
      heard();
    });
  };
  let headers: IncomingHttpHeaders = {};
  if (silent) {
    sending.on("response", take);
    await once(sending, "finish");
  } else {
    const [response] = (await once(sending, "response")) as [IncomingMessage];
    headers = response.headers;
    take(response);
  }
  return {
    headers,
    ended,
    async until(expected) {
      const deadline = performance.now() + PATIENCE_MS;
      while (text !== expected) {
        if (performance.now() > deadline || !expected.startsWith(text)) {
          throw new Error(
            `got ${JSON.stringify(text.slice(-500))}, not ${JSON.stringify(expected.slice(-500))}`,
          );
        }
        await new Promise<void>((resolve) => {
          heard = resolve;
          setTimeout(resolve, 500);
        });
      }
    },
    destroy: () => sending.destroy(),
  };
}
