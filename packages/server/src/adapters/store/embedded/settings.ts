/**
 * What differs from PostgreSQL's defaults, or must not be changed by a file in the data directory: settings on
 * the command line win over postgresql.conf and ALTER SYSTEM. Sized for a chat server on a small machine.
 */
const fixedSettings: Readonly<Record<string, string>> = {
  // No TCP at all: who may enter the socket's directory may speak to the server.
  listen_addresses: "",
  unix_socket_permissions: "0700",

  // An acknowledged message is on the disk. These are the defaults; here nobody turns them off by accident.
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",

  // 4 lanes, a pool of some 20, followers and an operator's session or two. Each idle one costs about 2 MB.
  max_connections: "40",
  // Also the default, where initdb finds room for it; fixed so that a first start on a full machine is no lasting loss.
  shared_buffers: "128MB",
  // The page images after each checkpoint are most of the WAL of small random writes: fewer checkpoints, less WAL.
  // Replay after a crash stays below the 2 GB.
  checkpoint_timeout: "15min",
  max_wal_size: "2GB",
  // Our statements are short: compiling one costs more than running it.
  jit: "off",
  // No query of ours gains from a parallel plan, and its memory comes from /dev/shm, which is 64 MB in a container.
  max_parallel_workers_per_gather: "0",

  timezone: "UTC",
  log_timezone: "UTC",

  // The log must never hold what people wrote. Statements, their parameters and the DETAIL and CONTEXT lines
  // that quote them stay out. The primary message of a failed statement can quote a value too
  // ("invalid input syntax for type bigint: …"), so that is left out for our own sessions: see `quietSessions`.
  log_min_error_statement: "panic",
  log_error_verbosity: "terse",
  log_parameter_max_length: "0",
  log_parameter_max_length_on_error: "0",
  log_statement: "none",
  log_min_duration_statement: "-1",

  // Replaying after a crash says how far it is.
  log_startup_progress_interval: "5s",
  // Nothing subscribes to anything: one process less.
  max_logical_replication_workers: "0",
  cluster_name: "parlance",
};

/**
 * Set on the role that all our sessions use: their failed statements are answered to us and need no line in the log,
 * whereas the background processes keep the default, `warning`, because nobody else hears of their errors.
 */
export const quietSessions = { name: "log_min_messages", value: "log" } as const;

/** The arguments of `postgres` for a socket in `socketDirectory`. */
export function settingArguments(
  socketDirectory: string,
  changed: Readonly<Record<string, string>> = {},
): string[] {
  const settings = {
    ...fixedSettings,
    ...changed,
    unix_socket_directories: `"${socketDirectory.replaceAll('"', '""')}"`,
    port: String(SOCKET_PORT),
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** Only names the socket: `.s.PGSQL.<port>`. */
export const SOCKET_PORT = 5432;
