import { bundledBinaries } from "./binaries.ts";
import { type Cluster, type ClusterOptions, startCluster } from "./cluster.ts";

/** The PostgreSQL that comes with Parlance, running as a child process. */
export type EmbeddedPostgres = Cluster;
export type EmbeddedPostgresOptions = Omit<ClusterOptions, "runAs">;

/** Starts the bundled PostgreSQL and resolves when it answers. Throws StartupError. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  return startCluster(bundledBinaries(), options);
}
