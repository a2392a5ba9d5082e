import { Histogram, type HistogramData } from "./histogram.ts";

export type Asked = {
  seconds: number;
  answered: number;
  /** Microseconds from a question to its answer. */
  latency: HistogramData;
  /** CPU of this process, in microseconds. */
  cpu: number;
  /** The first few, in words. */
  errors: string[];
};

export type ClosedLoop = {
  /** Questions under way at any time. */
  concurrency: number;
  warmSeconds: number;
  seconds: number;
  onMeasure?: (edge: "begin" | "end") => void;
};

const MAX_ERRORS = 5;

/** Asks as fast as answers come. `ask` is given the number of the question, and rejects where the answer is wrong. */
export async function closedLoop(ask: (n: number) => Promise<void>, options: ClosedLoop): Promise<Asked> {
  let measuring = false;
  let stopped = false;
  let asked = 0;
  let answered = 0;
  const latency = new Histogram();
  const errors: string[] = [];
  const line = async () => {
    while (!stopped) {
      const from = performance.now();
      try {
        await ask(asked++);
      } catch (error) {
        if (errors.length < MAX_ERRORS) errors.push(error instanceof Error ? error.message : String(error));
        // A server that refuses at once is not to be asked without end.
        await pause(0.01);
        continue;
      }
      if (!measuring) continue;
      answered++;
      latency.record((performance.now() - from) * 1_000);
    }
  };
  const lines = Array.from({ length: options.concurrency }, line);
  await pause(options.warmSeconds);
  options.onMeasure?.("begin");
  const cpu = process.cpuUsage();
  const from = performance.now();
  measuring = true;
  await pause(options.seconds);
  measuring = false;
  const seconds = (performance.now() - from) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  options.onMeasure?.("end");
  stopped = true;
  await Promise.all(lines);
  return { seconds, answered, latency: latency.toData(), cpu: user + system, errors };
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
