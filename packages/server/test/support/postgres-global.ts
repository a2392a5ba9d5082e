import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "../../src/adapters/store/embedded/embedded-postgres.ts";
import { silentLog } from "../../src/core/ports/log.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: EmbeddedPostgres["connection"];
  }
}

/** One PostgreSQL for the whole run, as durable as in production; each test file makes databases of its own in it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), "parlance-test-"));
  // Two workers with several pools each, where production has one server's.
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log: silentLog,
    settings: { max_connections: "200" },
  });
  project.provide("postgres", postgres.connection);
  return async () => {
    await postgres.stop();
    rmSync(dataDir, { recursive: true });
  };
}
