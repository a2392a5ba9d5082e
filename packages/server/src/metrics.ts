import { Counter, Gauge, type Registry } from "prom-client";
import type { RedisBus } from "./adapters/bus/redis-bus.ts";
import type { Hub } from "./delivery/hub.ts";
import type { Follower } from "./follower/follower.ts";
import type { DrainingWriter } from "./writer/writer.ts";

/** What an operator watches first. No user data in names or labels. */
export function registerMetrics(
  registry: Registry,
  parts: {
    /** Names this process among others. */
    readonly process: string;
    /** Null where there is one process. */
    readonly bus: Pick<RedisBus, "isUp" | "counts"> | null;
    readonly hub: Pick<Hub, "sessionCount" | "endings">;
    readonly writer: Pick<DrainingWriter, "waiting">;
    readonly indexer: Pick<Follower, "behindMs">;
    /** How many messages wait in Redis; null where that does not answer. */
    readonly queued: (() => Promise<number | null>) | null;
  },
): void {
  registry.setDefaultLabels({ process: parts.process });
  new Gauge({
    name: "parlance_sessions",
    help: "Connections that hear events",
    registers: [registry],
    collect() {
      this.set(parts.hub.sessionCount);
    },
  });
  new Counter({
    name: "parlance_sessions_ended_total",
    help: "Connections that this server has ended, by why: each is told to come back and resume",
    labelNames: ["reason"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(parts.hub.endings)) this.inc({ reason }, count);
    },
  });
  new Gauge({
    name: "parlance_writer_waiting",
    help: "Messages and changes that wait to be written",
    registers: [registry],
    collect() {
      this.set(parts.writer.waiting());
    },
  });
  new Gauge({
    name: "parlance_search_behind_seconds",
    help: "How long the oldest message that search does not find yet had waited at the last look",
    registers: [registry],
    collect() {
      this.set(parts.indexer.behindMs() / 1_000);
    },
  });
  const { queued, bus } = parts;
  if (queued !== null) {
    new Gauge({
      name: "parlance_queue_waiting",
      help: "Messages that wait in Redis to be stored, over all processes",
      registers: [registry],
      async collect() {
        this.set((await queued()) ?? Number.NaN);
      },
    });
  }
  if (bus === null) return;
  new Gauge({
    name: "parlance_bus_up",
    help: "1 while what other processes say is heard here at once",
    registers: [registry],
    collect() {
      this.set(bus.isUp() ? 1 : 0);
    },
  });
  new Counter({
    name: "parlance_bus_unsent_total",
    help: "Payloads that did not reach Redis",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(bus.counts.unsent);
    },
  });
  new Counter({
    name: "parlance_bus_refused_total",
    help: "Payloads that none of our processes had said",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(bus.counts.refused);
    },
  });
}
