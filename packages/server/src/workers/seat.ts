import cluster from "node:cluster";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "../http/sticky.ts";
import { ipcPort, type Listening, type Seating } from "./ipc.ts";
import { createMembership, type Membership } from "./membership.ts";
import { connectPeer, type Peer } from "./peer.ts";

/** A worker's place among those that its primary has made. */
export interface Seat extends Omit<Membership, "serve"> {
  readonly place: Place;
  readonly postgres: Seating["postgres"];
  /** Of all workers, as Prometheus reads it. */
  metrics(): Promise<string>;
  /** Others ask for one's own, as prom-client's JSON. */
  onMetrics(own: () => Promise<object>): void;
  /** From here on it may be counted on. */
  listening(facts: Listening): void;
}

/** Whether this process was made by a primary. */
export const isWorker = (): boolean => cluster.isWorker;

/** Asks the primary for what a worker has to know. */
export async function takeSeat(): Promise<Seat> {
  let ownMetrics = async (): Promise<object> => [];
  const { serve, ...membership } = createMembership((): Peer => peer);
  const { worker } = cluster;
  if (worker === undefined) throw new Error("this process is no worker");
  const peer = connectPeer(ipcPort(worker), (method, args) =>
    method === "metrics" ? ownMetrics() : serve(method, args),
  );
  const seating = (await peer.call("sit")) as Seating;
  const { index, count, socketDirectory, postgres } = seating;
  process.on("exit", () => {
    // The primary was killed: nobody else will.
    if (!worker.isConnected()) rmSync(socketDirectory, { recursive: true, force: true });
  });
  return {
    ...membership,
    place: { index, count, socketOf: (i) => join(socketDirectory, `${i}.sock`) },
    postgres,
    metrics: async () => (await peer.call("all-metrics")) as string,
    onMetrics(own) {
      ownMetrics = own;
    },
    listening: ({ url, store, durability }) => peer.say("listening", { url, store, durability }),
  };
}
