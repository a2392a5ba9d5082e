import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FromGenerator, IdleJob, Job, JobResult, ToGenerator } from "./jobs.ts";

const ENTRY = fileURLToPath(new URL("./main.ts", import.meta.url));

/** Told at the moment a measured time begins and ends, to read the servers' CPU then. */
export type OnPhase = (edge: "begin" | "end", phase: string) => void;

function launch(): ChildProcess {
  return fork(ENTRY, { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

function post(child: ChildProcess, message: ToGenerator): void {
  child.send(message);
}

/** Runs one job in a fresh process and gives its result. @throws Error when the generator fails or dies. */
export async function runJob(job: Job, onPhase: OnPhase = () => {}): Promise<JobResult> {
  const child = launch();
  try {
    return await new Promise<JobResult>((resolve, reject) => {
      child.on("message", (raw) => {
        const message = raw as FromGenerator;
        if (message.type === "begin" || message.type === "end") onPhase(message.type, message.phase);
        else if (message.type === "done") resolve(message.result);
        else if (message.type === "failed") reject(new Error(`generator: ${message.reason}`));
      });
      child.on("error", reject);
      child.on("exit", (code, signal) => reject(new Error(`the generator ended early (${code ?? signal})`)));
      post(child, { type: "job", job });
    });
  } finally {
    await end(child);
  }
}

export type Crowd = {
  /** @returns how many are connected, and the seconds it took from the last count to this one */
  connect(upTo: number): Promise<{ count: number; seconds: number; refused: string[] }>;
  /** Closes all; gives the errors seen while idle. */
  finish(): Promise<string[]>;
};

/** A process that holds idle connections until it is finished. */
export function startCrowd(job: IdleJob): Crowd {
  const child = launch();
  const ask = (message: ToGenerator) =>
    new Promise<FromGenerator>((resolve, reject) => {
      child.once("message", (answer) => resolve(answer as FromGenerator));
      child.once("exit", () => reject(new Error("the generator ended early")));
      post(child, message);
    });
  post(child, { type: "job", job });
  return {
    async connect(upTo) {
      const answer = await ask({ type: "connect", upTo });
      if (answer.type !== "connected") throw new Error(`generator: ${JSON.stringify(answer)}`);
      return answer;
    },
    async finish() {
      const answer = await ask({ type: "finish" });
      await end(child);
      return answer.type === "done" ? answer.result.truth.errors : [JSON.stringify(answer)];
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGKILL");
  await gone;
}
