import { runFanout } from "./fanout.ts";
import { IdleCrowd } from "./idle.ts";
import type { FromGenerator, Job, ToGenerator } from "./jobs.ts";
import { runPairs } from "./pairs.ts";

let crowd: IdleCrowd | undefined;

function tell(message: FromGenerator): void {
  process.send!(message);
}

async function run(job: Job): Promise<void> {
  if (job.kind === "idle") {
    crowd = new IdleCrowd(job);
    return;
  }
  const result = job.kind === "pairs" ? await runPairs(job, tell) : await runFanout(job, tell);
  tell({ type: "done", result });
}

async function take(message: ToGenerator): Promise<void> {
  if (message.type === "job") await run(message.job);
  else if (message.type === "connect") tell(await crowd!.connect(message.upTo));
  else if (crowd) tell(crowd.finish());
}

process.on("message", (message) => {
  take(message as ToGenerator).catch((error: unknown) => {
    tell({ type: "failed", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
});
process.on("disconnect", () => process.exit(0));
