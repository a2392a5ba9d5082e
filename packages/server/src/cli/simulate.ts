import { duration, integer } from "../config/kinds.ts";
import type { Config } from "../config.ts";
import { StartupError } from "../core/ports/startup-error.ts";
import { reasonOf, type Simulated, simulate } from "./simulation.ts";

const MESSAGES = integer(1, 100_000);
const INTERVAL = duration(86_400);
export const DEFAULT_MESSAGES = "100";
const BAR_WIDTH = 30;
/** Where there is no terminal: a line each tenth. */
const PLAIN_LINES = 10;
const HEALTH_MS = 5_000;

interface SimulateFlags {
  readonly messages: string;
  readonly interval: string | null;
  readonly url: string | null;
  readonly token: string | null;
}

/** Sends messages to a running server and says how it went; resolves to the exit code, 1 where any is missing. */
export async function runSimulate(
  config: Pick<Config, "host" | "port" | "mode">,
  flags: SimulateFlags,
  out: Pick<NodeJS.WriteStream, "write" | "isTTY">,
): Promise<number> {
  const { messages, seconds, url } = read(flags, config);
  if (flags.token === null && flags.url === null && config.mode === "jwt") {
    throw new StartupError("parlance simulate: in jwt mode --token has to name a service's token");
  }
  await checkServer(url);
  out.write(`${messages} messages to ${url}${seconds === 0 ? "" : `, one every ${seconds} s`}\n`);
  const progress = out.isTTY === true ? bar(out, messages) : lines(out, messages);
  const result = await simulate({
    url,
    token: flags.token,
    messages,
    intervalMs: seconds * 1000,
    settled: progress,
  });
  out.write(summary(result));
  return result.stored === messages ? 0 : 1;
}

/** Reports all that is wrong at once. */
function read(
  flags: SimulateFlags,
  config: Pick<Config, "host" | "port">,
): { readonly messages: number; readonly seconds: number; readonly url: string } {
  const messages = MESSAGES.parse(flags.messages);
  const seconds = flags.interval === null ? 0 : INTERVAL.parse(flags.interval);
  const url = flags.url === null ? configuredUrl(config) : readUrl(flags.url);
  if (messages !== undefined && seconds !== undefined && url !== undefined) return { messages, seconds, url };
  const problems = [
    ...(messages === undefined ? [`--messages: expected ${MESSAGES.expected}`] : []),
    ...(seconds === undefined ? [`--interval: expected ${INTERVAL.expected}`] : []),
    ...(url === undefined ? ["--url: expected a URL such as http://127.0.0.1:8080"] : []),
  ];
  throw new StartupError(problems.join("\n"));
}

function configuredUrl({ host, port }: Pick<Config, "host" | "port">): string {
  if (port === 0) throw new StartupError("parlance simulate: PORT is 0; name the server with --url");
  // One that listens everywhere is called by its name for itself.
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function readUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  return url.href.replace(/\/+$/, "");
}

async function checkServer(url: string): Promise<void> {
  let status: number;
  try {
    ({ status } = await fetch(`${url}/health`, { signal: AbortSignal.timeout(HEALTH_MS) }));
  } catch (error) {
    throw new StartupError(
      `parlance simulate: nothing answers at ${url} (${reasonOf(error)}); start the server, or name it with --url`,
    );
  }
  if (status !== 200) {
    throw new StartupError(
      `parlance simulate: what answers at ${url} is no Parlance (/health gave ${status})`,
    );
  }
}

function bar(out: Pick<NodeJS.WriteStream, "write">, total: number): (done: number) => void {
  return (done) => {
    const filled = Math.floor((done / total) * BAR_WIDTH);
    const end = done === total ? "\n" : "";
    out.write(`\r[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}] ${done}/${total}${end}`);
  };
}

function lines(out: Pick<NodeJS.WriteStream, "write">, total: number): (done: number) => void {
  const step = Math.max(1, Math.floor(total / PLAIN_LINES));
  return (done) => {
    if (done % step === 0 || done === total) out.write(`${done} of ${total}\n`);
  };
}

function summary({ sent, stored, reasons, toAccepted, toStored }: Simulated): string {
  const row = (name: string, times: readonly number[]): string =>
    `${name}  p50 ${percentile(times, 0.5)}  p99 ${percentile(times, 0.99)}`;
  return [
    `sent ${sent}  stored ${stored}  failed ${sent - stored}`,
    row("to accepted", toAccepted),
    row("to stored  ", toStored),
    ...reasons.map((reason) => `failed: ${reason}`),
    "",
  ].join("\n");
}

function percentile(ascending: readonly number[], share: number): string {
  const value = ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))];
  return value === undefined ? "-" : `${value.toFixed(1)} ms`;
}
