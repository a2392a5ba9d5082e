import type { Worker } from "node:cluster";
import type { ClientConfig } from "pg";
import type { Port } from "./peer.ts";

/** What a worker is told when it begins. */
export interface Seating {
  readonly index: number;
  readonly count: number;
  /** Where the workers hand requests over to one another. */
  readonly socketDirectory: string;
  /** The embedded PostgreSQL; null where DATABASE_URL names another. */
  readonly postgres: { readonly connection: ClientConfig; readonly version: string } | null;
}

/** What a worker says when it listens. */
export interface Listening {
  readonly url: string;
  readonly store: string;
  readonly durability: string;
}

/** The line between a primary and a worker, seen from either. */
export function ipcPort(worker: Worker): Port {
  return {
    post(message) {
      // Whoever is gone meanwhile hears nothing more: its exit says the rest.
      if (worker.isConnected()) worker.send(message as object, () => {});
    },
    listen: (heard) => void worker.on("message", heard),
  };
}
