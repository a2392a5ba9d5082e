import { Gauge, type Registry } from "prom-client";
import type { Hub } from "./delivery/hub.ts";
import type { Follower } from "./follower/follower.ts";
import type { DrainingWriter } from "./writer/writer.ts";

/** What an operator watches first. No user data in names or labels. */
export function registerMetrics(
  registry: Registry,
  parts: {
    readonly hub: Pick<Hub, "sessionCount">;
    readonly writer: Pick<DrainingWriter, "waiting">;
    readonly indexer: Pick<Follower, "behindMs">;
  },
): void {
  new Gauge({
    name: "parlance_sessions",
    help: "Connections that hear events",
    registers: [registry],
    collect() {
      this.set(parts.hub.sessionCount);
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
}
