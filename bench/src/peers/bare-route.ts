import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Http, openHttp } from "../generator/http.ts";
import { startChild, stopChild, waitFor } from "./child.ts";

const SCRIPT = fileURLToPath(new URL("./bare-route-server.ts", import.meta.url));

/** What an HTTP answer of so many bytes costs where there is nothing to look up. */
export async function startBareRoute(
  directory: string,
  bytes: number,
): Promise<AsyncDisposable & { pid: number; directory: string; http: Http }> {
  mkdirSync(directory, { recursive: true });
  const child = startChild(process.execPath, [SCRIPT, String(bytes)], { log: join(directory, "server.log") });
  const port = await waitFor(child, "bare route", () => {
    const match = /listening on (\d+)/.exec(child.output());
    return match ? Number(match[1]) : undefined;
  });
  const http = openHttp(port);
  return {
    pid: child.pid,
    directory,
    http,
    async [Symbol.asyncDispose]() {
      http.close();
      await stopChild(child, "SIGTERM");
    },
  };
}
