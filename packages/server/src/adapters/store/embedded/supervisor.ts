import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { childEnvironment, type RunAs } from "./run-as.ts";
import type { SocketDirectory } from "./socket-directory.ts";

/**
 * Two small shells between us and the server. One waits for it and ends with its status. The other reads signal names
 * for it from descriptor 3; when that ends, we are gone, and it ends the server: a fast shutdown for 3 s, then an
 * immediate one, after 13 s the hard way. (It gives up at 15 s: a dead process keeps its pid where the new parent
 * never asks for its status, as in a container whose first process is no init.) Signals go through it because a pid is
 * sure to be the server's only until it has been waited for.
 *
 * Descriptor 4 is the lock: held by the waiting shell and the server's processes, not by the reading one.
 * Both shells ignore the signals that a terminal or a service manager sends to everyone, or the server would lose its
 * watch first. $1 is a temporary socket directory that nobody else would remove once we are gone, or empty.
 */
const script = `
trap '' HUP INT QUIT TERM
sockets=$1
shift
"$@" 3<&- &
server=$!
exec >/dev/null 2>&1
(
  while read -r word; do
    case $word in
      keep) sockets= ;;
      *) kill -s "$word" "$server" ;;
    esac
  done <&3
  trap '' USR2
  tries=0
  while [ $tries -lt 150 ] && kill -0 "$server"; do
    signal=INT
    [ $tries -lt 30 ] || signal=QUIT
    [ $tries -lt 130 ] || signal=KILL
    kill -s $signal "$server"
    tries=$((tries + 1))
    sleep 0.1
  done
  [ -z "$sockets" ] || { rm -f "$sockets"/.s.PGSQL.*; rmdir "$sockets"; }
) 4>&- &
watch=$!
exec 3<&-
wait "$server"
status=$?
kill -s USR2 "$watch"
wait "$watch"
exit $status
`;

export interface Supervised {
  /** Settles when the server and its shells have ended, with what to call it: "status 1", "signal SIGKILL". */
  readonly ended: Promise<string>;
  /** Sends the server a signal; nothing happens where it has ended. */
  signal(name: "INT" | "QUIT" | "KILL"): void;
}

/** Starts `command` in a session of its own, so that Ctrl-C does not reach it. */
export function supervise(
  command: readonly string[],
  options: { runAs: RunAs; sockets: SocketDirectory; logFd: number; lockFd: number },
): Supervised {
  const { runAs, sockets, logFd, lockFd } = options;
  const child = spawn(
    "sh",
    ["-c", script, "parlance-postgres", sockets.temporary ? sockets.path : "", ...runAs.prefix, ...command],
    {
      ...(runAs.kind === "user" ? runAs.owner : {}),
      cwd: "/",
      env: childEnvironment,
      detached: true,
      stdio: ["ignore", logFd, logFd, "pipe", lockFd],
    },
  );
  const signals = child.stdio[3] as Socket | null | undefined;
  // Writing to a server that has just ended fails; `ended` is what tells.
  signals?.on("error", () => {});
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (status, signal) => resolve(describeEnd(status, signal)));
  });
  // If only the waiting shell was killed, this lets the reading one end the server; we live and need the directory.
  void ended.then(() => signals?.end("keep\n"));
  return {
    ended,
    signal: (name) => {
      if (signals?.writable) signals.write(`${name}\n`);
    },
  };
}

/** A shell reports a child ended by signal N as 128 + N. */
function describeEnd(status: number | null, signal: NodeJS.Signals | null): string {
  if (signal) return `its supervisor ended by ${signal}`;
  return status !== null && status > 128 ? `signal ${status - 128}` : `status ${status}`;
}
