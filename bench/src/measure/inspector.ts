import { WebSocket } from "ws";
import type { Running } from "../peers/peer.ts";

/** The part of a V8 CPU profile that we read. Times in microseconds. */
export type CpuProfile = {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
};

/** A way into a running Node process, opened by a signal, so that it starts and runs as any user's does. */
export type Inspector = {
  /** Two full collections, so that what remains is what is held. */
  collectGarbage(): Promise<void>;
  startProfile(): Promise<void>;
  stopProfile(): Promise<CpuProfile>;
  close(): void;
};

const SAMPLE_MICROSECONDS = 500;

async function addressOf(running: Running): Promise<string> {
  process.kill(running.pid, "SIGUSR1");
  for (let tries = 0; tries < 400; tries++) {
    const match = /Debugger listening on (ws:\S+)/.exec(running.output());
    if (match) return match[1]!;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("the server's inspector did not open");
}

export async function openInspector(running: Running): Promise<Inspector> {
  const socket = new WebSocket(await addressOf(running), { perMessageDeflate: false, maxPayload: 1 << 30 });
  await new Promise<void>((resolve, reject) => {
    socket.once("open", () => resolve());
    socket.once("error", reject);
  });
  const waiting = new Map<number, (result: unknown) => void>();
  let last = 0;
  socket.on("message", (data) => {
    const answer = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (answer.id === undefined) return;
    waiting.get(answer.id)?.(answer.result);
    waiting.delete(answer.id);
  });
  const call = (method: string, params: Record<string, unknown> = {}) =>
    new Promise<unknown>((resolve) => {
      const id = ++last;
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
  return {
    async collectGarbage() {
      await call("HeapProfiler.enable");
      await call("HeapProfiler.collectGarbage");
      await call("HeapProfiler.collectGarbage");
      await call("HeapProfiler.disable");
    },
    async startProfile() {
      // All at once: a busy server takes long for each answer, and the measured time would run out.
      const interval = SAMPLE_MICROSECONDS;
      await Promise.all([
        call("Profiler.enable"),
        call("Profiler.setSamplingInterval", { interval }),
        call("Profiler.start"),
      ]);
    },
    async stopProfile() {
      const { profile } = (await call("Profiler.stop")) as { profile: CpuProfile };
      await call("Profiler.disable");
      return profile;
    },
    close: () => socket.close(),
  };
}
