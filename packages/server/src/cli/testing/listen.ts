/**
 * A process with nothing but the shared listener, run as a child to be signalled: `/slow` takes half a
 * second, `/fault` leaves a rejection that nobody handles. It prints its URL once it listens.
 */
import { loadConfig } from "../../config.ts";
import { createListener } from "../../http/listener.ts";
import { createLog } from "../../http/log.ts";
import { sharedErrorShape } from "../../http/status.ts";
import { runUntilAsked } from "../lifecycle.ts";

const config = loadConfig({}, process.argv.slice(2));
const log = createLog(config, process.stdout, false);
process.stdout.on("error", () => {});

const exitCode = await runUntilAsked(
  async () => {
    const listener = createListener(config, log);
    listener.addScope({
      prefixes: ["/slow", "/fault", "/log"],
      errorShape: sharedErrorShape,
      routes(app) {
        app.get("/slow", async () => {
          await new Promise((resolve) => setTimeout(resolve, 500));
          return { slow: true };
        });
        app.get("/fault", async () => {
          void Promise.reject(new Error("left behind"));
          return {};
        });
        app.get("/log", async () => {
          log.info({ filler: "x".repeat(10_000) }, "A long line");
          return { pid: process.pid };
        });
      },
    });
    const url = await listener.listen();
    return { url, drain: () => listener.drain(config.drainSeconds * 1000) };
  },
  ({ url }) => process.stdout.write(`${url}\n`),
  log,
  config.drainSeconds,
);
process.exit(exitCode);
