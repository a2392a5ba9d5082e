import type { Log } from "../../../core/ports/log.ts";
import { bundledBinaries } from "./binaries.ts";
import { type ClusterConnection, startCluster } from "./cluster.ts";

/** The PostgreSQL that comes with Parlance, running as a child process. */
export interface EmbeddedPostgres {
  readonly connection: ClusterConnection;
  /** As the server says it, such as "18.4". */
  readonly version: string;
  /** Called whenever the server has ended by itself; it is being started again. */
  onDown(listener: (reason: string) => void): void;
  /** Called when it answers again. Connections from before are gone. */
  onUp(listener: () => void): void;
  /** Resolves when the server's processes have ended and its socket is gone. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** PostgreSQL's data is `<dataDir>/postgres`, its log `<dataDir>/postgres.log`. */
  readonly dataDir: string;
  readonly log: Log;
  /** How long an orderly shutdown may take before an immediate one; 8 s. */
  readonly stopTimeoutMs?: number;
  /** How long to wait for another server to leave the data directory; 10 s. */
  readonly lockTimeoutMs?: number;
  /** PostgreSQL settings instead of ours (settings.ts). */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts the bundled PostgreSQL and resolves when it answers. Throws StartupError. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  return startCluster(bundledBinaries(), options);
}
