import { Client, inParallel } from "./client.ts";
import { DRIVERS } from "./drivers/all.ts";
import { type Driver, numberOf } from "./drivers/driver.ts";
import type { FromGenerator, JobResult, ResumeJob, Truth } from "./jobs.ts";
import { newMeter, resultOf } from "./meter.ts";
import { newTruth, noteError } from "./truth.ts";

/** Connections that are being opened at once: as many as a listener's queue takes without refusing. */
const AT_ONCE = 256;
/** Unacknowledged messages while those that will be missed are written. */
const WINDOW = 64;

/** One user of the crowd: where it left off, and what it is owed. */
type Absent = { user: string; position: string };

/** Messages 0, 1, 2, … of one group go to its conversations in turn. */
class Owed {
  readonly #missed: number;
  readonly #conversations: number;
  readonly #last: number[];
  #received = 0;

  constructor(missed: number, conversations: number) {
    this.#missed = missed;
    this.#conversations = conversations;
    this.#last = new Array<number>(conversations).fill(-1);
  }

  take(number: number, truth: Truth): void {
    const lane = number % this.#conversations;
    const last = this.#last[lane] as number;
    if (number === last || (number < last && number >= 0)) truth.doubled += 1;
    else if (number !== (last < 0 ? lane : last + this.#conversations)) truth.outOfOrder += 1;
    this.#last[lane] = number;
    this.#received += 1;
    truth.received += 1;
  }

  get missing(): number {
    return this.#missed - this.#received;
  }
}

async function openGroup(job: ResumeJob, driver: Driver, users: readonly string[]): Promise<string[]> {
  const opener = await Client.connect(job.port, driver, { user: users[0] as string });
  const conversations: string[] = [];
  // More than two users make a new conversation each time.
  for (let i = 0; i < job.conversations; i++) conversations.push(await opener.openConversation(users));
  opener.close();
  return conversations;
}

async function leave(job: ResumeJob, driver: Driver, user: string): Promise<Absent> {
  let position = "";
  const client = await Client.connect(job.port, driver, { user }, (payload) => {
    position = driver.resume?.positionOf(payload) ?? "";
  });
  client.close();
  return { user, position };
}

async function write(
  job: ResumeJob,
  driver: Driver,
  sender: string,
  conversations: readonly string[],
  truth: Truth,
) {
  const client = await Client.connect(job.port, driver, { user: sender });
  const texts = conversations.map((conversation) => driver.sender(conversation, sender));
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    let acked = 0;
    const next = () => {
      client.send((texts[sent % texts.length] as (number: number) => string)(sent));
      sent += 1;
    };
    client.onEnd = (reason) => reject(new Error(`${sender}: ${reason}`));
    client.onFrame = (kind, payload) => {
      if (kind === "error") noteError(truth, payload.toString("utf8", 0, 300));
      if (kind !== "ack") return;
      acked += 1;
      if (acked === job.missed) resolve();
      else if (sent < job.missed) next();
    };
    while (sent < Math.min(WINDOW, job.missed)) next();
  });
  truth.sent += job.missed;
  truth.acked += job.missed;
  client.close();
}

/** Comes back; resolves when it has all it missed and is live. */
async function comeBack(
  job: ResumeJob,
  driver: Driver,
  { user, position }: Absent,
  truth: Truth,
): Promise<Client> {
  const owed = new Owed(job.missed, job.conversations);
  const client = await Client.connect(job.port, driver, { user });
  if (driver.resume !== undefined) {
    client.onFrame = (kind, payload) => {
      if (kind === "receive") owed.take(numberOf(payload), truth);
      else if (kind === "error") noteError(truth, payload.toString("utf8", 0, 300));
    };
    await client.ask(driver.resume.frame(position), "resumed");
  }
  truth.missing += driver.resume === undefined ? 0 : owed.missing;
  client.onEnd = (reason) => noteError(truth, `${user}: ${reason}`);
  return client;
}

/** A crowd that was away while something was said comes back at once. */
export async function runResume(job: ResumeJob, tell: (message: FromGenerator) => void): Promise<JobResult> {
  const driver = DRIVERS[job.driver];
  const truth = newTruth();
  const users = Array.from({ length: job.users }, (_, index) => `${job.tag}u${index}`);
  const groups = Array.from({ length: Math.ceil(job.users / job.groupSize) }, (_, index) =>
    users.slice(index * job.groupSize, (index + 1) * job.groupSize),
  );
  let absent: Absent[] = users.map((user) => ({ user, position: "" }));
  if (driver.resume !== undefined) {
    // Whoever writes is in the group and does not come back: it would hear nothing of its own.
    const sender = (index: number) => `${job.tag}w${index}`;
    const conversations = await inParallel(groups, 4, (group, index) =>
      openGroup(job, driver, [sender(index), ...group]),
    );
    absent = await inParallel(users, 64, (user) => leave(job, driver, user));
    if (job.missed > 0)
      await inParallel(groups, 4, (_, index) =>
        write(job, driver, sender(index), conversations[index] as string[], truth),
      );
  }
  const meter = newMeter();
  const cpu = process.cpuUsage();
  meter.from = performance.now();
  tell({ type: "begin", phase: "" });
  const clients = await inParallel(absent, AT_ONCE, async (one) => {
    const client = await comeBack(job, driver, one, truth);
    meter.latency.record((performance.now() - meter.from) * 1000);
    return client;
  });
  meter.until = performance.now();
  meter.delivered = clients.length;
  tell({ type: "end", phase: "" });
  const used = process.cpuUsage(cpu);
  for (const client of clients) client.close();
  return { phases: [resultOf("", meter, used)], truth };
}
