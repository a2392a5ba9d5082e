import { setTimeout as pause } from "node:timers/promises";
import { startCrowd } from "../generator/generator.ts";
import { openInspector } from "../measure/inspector.ts";
import { descriptorLimit, kernelBytes, residentBytes, usageOf } from "../measure/process-usage.ts";
import { bareSocketio, bareWs } from "../peers/naive.ts";
import { inDialect, type Peer, type Running } from "../peers/peer.ts";
import { bottleneckOf, failed, sharesOf } from "./measured.ts";
import type { Context } from "./sample.ts";
import { alternate, entrantOf } from "./turns.ts";

/** Descriptors that server and generator need beside their connections. */
const SPARE_DESCRIPTORS = 1_000;

/** As many as were wished for, or as the machine's descriptor limit lets one process hold. */
export function levelsOf(wished: readonly number[], limit: number): number[] {
  return [...new Set(wished.map((level) => Math.min(level, limit - SPARE_DESCRIPTORS)))];
}

export const idleName = (level: number): string => `${level} idle`;

async function hold(context: Context, round: number, peer: Peer, running: Running): Promise<void> {
  const inspector = await openInspector(running);
  const crowd = startCrowd({
    kind: "idle",
    port: running.port,
    driver: peer.driver,
    tag: `${context.seed}w3-${round}-`,
    checkEvery: 1,
  });
  const settled = async () => {
    await pause(context.sizes.settleSeconds * 500);
    await inspector.collectGarbage();
    await pause(context.sizes.settleSeconds * 500);
    return { resident: residentBytes(running.pid), kernel: kernelBytes() };
  };
  const empty = await settled();
  const levels = levelsOf(context.sizes.idle, descriptorLimit());
  let count = 0;
  for (const level of levels) {
    const name = idleName(level);
    const before = usageOf(running.pid, running.directory);
    const grown = await crowd.connect(level);
    const after = usageOf(running.pid, running.directory);
    if (grown.count < level) {
      context.add(failed("W3", name, peer, round, `${grown.count} connected: ${grown.refused.join("; ")}`));
      break;
    }
    const held = await settled();
    // Rest is measured once, with all connected.
    const isLast = level === levels.at(-1);
    const restFrom = usageOf(running.pid, running.directory);
    if (isLast) await pause(context.sizes.restSeconds * 1000);
    const restTo = usageOf(running.pid, running.directory);
    const shares = sharesOf(before, after, 0);
    const rest = (restTo.server - restFrom.server) / ((restTo.at - restFrom.at) * 1000);
    context.add({
      workload: "W3",
      case: name,
      peer: peer.name,
      durability: "memory",
      round,
      metrics: {
        per_second: (level - count) / grown.seconds,
        server_cpu_us: (after.server - before.server) / (level - count),
        server_share: shares.server,
        bytes: (held.resident - empty.resident) / level,
        // Both ends are on this machine: half of it is the server's.
        kernel_bytes: (held.kernel - empty.kernel) / 2 / level,
        connections: level,
        ...(isLast ? { rest_share: rest } : {}),
      },
      histograms: {},
      bottleneck: bottleneckOf(shares, context.cores),
    });
    count = level;
  }
  inspector.close();
  const errors = await crowd.finish();
  if (errors.length > 0) context.add(failed("W3", "held to the end", peer, round, errors.join("; ")));
}

/** What one more connection costs that says nothing. */
export async function w3Idle(context: Context, ours: Peer): Promise<void> {
  const dialects = [inDialect(ours, "socketio"), inDialect(ours, "sse")];
  await w3Compared(context, [ours, ...dialects, bareWs, bareSocketio]);
}

export async function w3Compared(context: Context, peers: readonly Peer[]): Promise<void> {
  const cases = levelsOf(context.sizes.idle, descriptorLimit()).map(idleName);
  const entrants = peers.map((peer) =>
    entrantOf(context, "W3", peer, cases, (round, running) => hold(context, round, peer, running)),
  );
  await alternate(context, "W3", entrants);
}
