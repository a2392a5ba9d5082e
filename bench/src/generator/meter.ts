import { Histogram } from "../measure/histogram.ts";
import type { PhaseResult } from "./jobs.ts";

/** What is counted in a phase's measured time. */
export type Meter = {
  from: number;
  until: number;
  delivered: number;
  /** As `PhaseResult` has them. */
  latency: Histogram;
  second: Histogram;
};

/** One that counts nothing yet. */
export function newMeter(): Meter {
  return {
    from: Number.POSITIVE_INFINITY,
    until: Number.POSITIVE_INFINITY,
    delivered: 0,
    latency: new Histogram(),
    second: new Histogram(),
  };
}

/** @param cpu of this process, while it was measured */
export function resultOf(name: string, meter: Meter, cpu: NodeJS.CpuUsage): PhaseResult {
  return {
    name,
    seconds: (meter.until - meter.from) / 1000,
    delivered: meter.delivered,
    latency: meter.latency.toData(),
    second: meter.second.toData(),
    generatorCpu: cpu.user + cpu.system,
  };
}
