import type { ClusterConnection } from "./cluster.ts";
import { CLUSTER_USER, recordedSocketDirectory, recordedStatus } from "./cluster-directory.ts";
import { SOCKET_PORT } from "./settings.ts";

/** The PostgreSQL that another process runs on this data directory; null where none is ready. */
export function runningCluster(dataDir: string): ClusterConnection | null {
  const host = recordedSocketDirectory(dataDir);
  if (host === undefined || recordedStatus(dataDir) !== "ready") return null;
  return { host, port: SOCKET_PORT, user: CLUSTER_USER, database: "parlance", ssl: false };
}
