import type { DriverName } from "../generator/drivers/driver.ts";

/**
 * When a peer says "sent": `committed` is stored and synced to disk, `quorum` is that on most of its nodes, of which here
 * is one, and `memory` is in the process and no more.
 */
export type Durability = "committed" | "quorum" | "memory";

/** A server under measurement. */
export type Running = {
  port: number;
  pid: number;
  /** Where its data lies; processes that name it on their command line are counted as its database. */
  directory: string;
  output(): string;
  stop(): Promise<void>;
  /** Ends every process of it at once, as a machine that loses its power would. */
  crash(): Promise<void>;
};

export type Peer = {
  name: string;
  driver: DriverName;
  durability: Durability;
  /** Of what the bench does not bring along: which one this machine has, or undefined. */
  version?(): string | undefined;
  /** Starts on an empty or a used directory, and resolves when it takes connections. */
  start(directory: string): Promise<Running>;
};

/** The same server, spoken to in another of its dialects. */
export function inDialect(peer: Peer, driver: DriverName): Peer {
  return { ...peer, name: `${peer.name}, ${driver}`, driver };
}
