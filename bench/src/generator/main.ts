import { runDay } from "./day.ts";
import { runFanout } from "./fanout.ts";
import { IdleCrowd } from "./idle.ts";
import type { FromGenerator, IdleJob, Job, JobResult, ToGenerator } from "./jobs.ts";
import { runPairs } from "./pairs.ts";
import { runPosts } from "./posts.ts";
import { runResume } from "./resume.ts";

let crowd: IdleCrowd | undefined;

function tell(message: FromGenerator): void {
  process.send!(message);
}

async function run(job: Job): Promise<void> {
  if (job.kind === "idle") {
    crowd = new IdleCrowd(job);
    return;
  }
  tell({ type: "done", result: await resultOf(job) });
}

function resultOf(job: Exclude<Job, IdleJob>): Promise<JobResult> {
  if (job.kind === "pairs") return runPairs(job, tell);
  if (job.kind === "day") return runDay(job, tell);
  if (job.kind === "posts") return runPosts(job, tell);
  return job.kind === "fanout" ? runFanout(job, tell) : runResume(job, tell);
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
