import { Client } from "./client.ts";
import { DRIVERS } from "./drivers/all.ts";
import type { FromGenerator, IdleJob } from "./jobs.ts";
import { newTruth, noteError } from "./truth.ts";

const AT_ONCE = 128;

/** Connections that only answer heartbeats. */
export class IdleCrowd {
  readonly #job: IdleJob;
  readonly #clients: Client[] = [];
  readonly #truth = newTruth();

  constructor(job: IdleJob) {
    this.#job = job;
  }

  /** Connects distinct users until there are `upTo`; a refused one is told and not tried again. */
  async connect(upTo: number): Promise<FromGenerator> {
    const driver = DRIVERS[this.#job.driver];
    const refused: string[] = [];
    const from = performance.now();
    let next = this.#clients.length;
    const worker = async () => {
      while (next < upTo && refused.length < 100) {
        const index = next++;
        try {
          const client = await (driver.stream === undefined ? Client.connect : Client.listen)(
            this.#job.port,
            driver,
            { user: `${this.#job.tag}u${index}` },
          );
          client.onEnd = (reason) => noteError(this.#truth, `${client.user}: ${reason}`);
          this.#clients.push(client);
        } catch (error) {
          refused.push(error instanceof Error ? error.message : String(error));
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const seconds = (performance.now() - from) / 1000;
    return { type: "connected", count: this.#clients.length, seconds, refused: refused.slice(0, 5) };
  }

  finish(): FromGenerator {
    this.#truth.received = this.#clients.length;
    for (const client of this.#clients) client.close();
    return { type: "done", result: { phases: [], truth: this.#truth } };
  }
}
