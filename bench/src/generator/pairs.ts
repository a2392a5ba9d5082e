import { setTimeout as pause } from "node:timers/promises";
import type { Histogram } from "../measure/histogram.ts";
import { Client, inParallel } from "./client.ts";
import { DRIVERS } from "./drivers/all.ts";
import { type Driver, numberOf } from "./drivers/driver.ts";
import type { FromGenerator, JobResult, PairsJob, Truth } from "./jobs.ts";
import { type Meter, newMeter, resultOf } from "./meter.ts";
import { Poster } from "./poster.ts";
import { newTruth, noteError, StreamCheck } from "./truth.ts";

const DRAIN_MS = 20_000;
/** Messages of one pair that may be under way at once: more than an overrun open loop piles up in its time. */
const RING = 8192;

class Pair {
  readonly #sender: Client;
  readonly #receiver: Client;
  readonly #meter: Meter;
  readonly #truth: Truth;
  readonly #check: StreamCheck;
  readonly #transmit: (number: number) => void;
  readonly #poster: Poster | undefined;
  readonly #due = new Float64Array(RING);
  #sent = 0;
  #acked = 0;
  onAck: () => void = () => {};

  constructor(
    sender: Client,
    receiver: Client,
    conversation: string,
    driver: Driver,
    port: number,
    meter: Meter,
    truth: Truth,
    checked: boolean,
  ) {
    this.#sender = sender;
    this.#receiver = receiver;
    this.#meter = meter;
    this.#truth = truth;
    this.#check = new StreamCheck(truth, RING, checked ? driver : undefined);
    const post = driver.post?.(conversation, [sender.user, receiver.user]);
    if (post === undefined) {
      const text = driver.sender(conversation, sender.user);
      this.#transmit = (number) => sender.send(text(number));
    } else {
      const poster = new Poster(port, post);
      poster.onAck = (number) => this.#ack(number);
      poster.onError = (reason) => noteError(truth, `${sender.user}: ${reason}`);
      this.#transmit = (number) => poster.send(number);
      this.#poster = poster;
    }
    for (const client of [sender, receiver]) {
      client.onEnd = (reason) => noteError(truth, `${client.user}: ${reason}`);
    }
    sender.onFrame = (kind, payload) => {
      if (kind === "ack") this.#ack(numberOf(payload));
      else if (kind === "error") noteError(truth, payload.toString("utf8", 0, 300));
    };
    receiver.onFrame = (kind, payload) => {
      if (kind === "receive") this.#receive(numberOf(payload), payload);
      else if (kind === "error") noteError(truth, payload.toString("utf8", 0, 300));
    };
  }

  /** `due` is when the message should have gone, which is what its latency counts from. */
  send(due: number): void {
    const number = this.#sent++;
    this.#due[number & (RING - 1)] = due;
    this.#truth.sent += 1;
    this.#transmit(number);
  }

  gather(work: () => void): void {
    this.#sender.gather(work);
  }

  get settled(): boolean {
    return this.#acked === this.#sent && this.#check.received === this.#sent;
  }

  get missing(): number {
    return this.#sent - this.#check.received;
  }

  close(): void {
    this.#poster?.close();
    this.#sender.close();
    this.#receiver.close();
  }

  #ack(number: number): void {
    this.#acked += 1;
    this.#truth.acked += 1;
    this.#time(number, this.#meter.second);
    this.onAck();
  }

  #receive(number: number, payload: Buffer): void {
    if (!this.#check.take(number, payload)) return;
    const now = this.#time(number, this.#meter.latency);
    if (now >= this.#meter.from && now < this.#meter.until) this.#meter.delivered += 1;
  }

  #time(number: number, into: Histogram): number {
    const now = performance.now();
    const due = this.#due[number & (RING - 1)]!;
    if (due >= this.#meter.from && due < this.#meter.until) into.record((now - due) * 1000);
    return now;
  }
}

async function connectPairs(job: PairsJob, meter: Meter, truth: Truth): Promise<Pair[]> {
  const driver = DRIVERS[job.driver];
  const indexes = Array.from({ length: job.pairs }, (_, index) => index);
  return inParallel(indexes, 32, async (index) => {
    const users: [string, string] = [`${job.tag}s${index}`, `${job.tag}r${index}`];
    const topic = `${job.tag}t${index}`;
    const ports = [job.port, job.otherPort ?? job.port];
    if (index % 2 === 1) ports.reverse();
    const [sender, receiver] = await Promise.all([
      Client.connect(ports[0]!, driver, { user: users[0], topic }),
      Client.listen(ports[1]!, driver, { user: users[1], topic }),
    ]);
    const conversation = await sender.openConversation(users, topic);
    return new Pair(
      sender,
      receiver,
      conversation,
      driver,
      job.port,
      meter,
      truth,
      index % job.checkEvery === 0,
    );
  });
}

/** Keeps `window` messages of each pair unacknowledged until told to stop. */
function closedLoop(pairs: readonly Pair[], window: number, stop: { now: boolean }): void {
  for (const pair of pairs) {
    pair.onAck = () => {
      if (!stop.now) pair.send(performance.now());
    };
    pair.gather(() => {
      for (let i = 0; i < window; i++) pair.send(performance.now());
    });
  }
}

/** Sends at fixed times; a timer that fires late sends late, and the message's latency says so. */
async function openLoop(
  pairs: readonly Pair[],
  rate: number,
  start: number,
  stop: { now: boolean },
): Promise<void> {
  const gap = 1000 / rate;
  for (let next = 0; !stop.now; ) {
    const now = performance.now();
    while (start + next * gap <= now) {
      pairs[next % pairs.length]!.send(start + next * gap);
      next += 1;
    }
    await pause(1);
  }
}

async function until(done: () => boolean, milliseconds: number): Promise<void> {
  const limit = performance.now() + milliseconds;
  while (!done() && performance.now() < limit) await pause(5);
}

export async function runPairs(job: PairsJob, tell: (message: FromGenerator) => void): Promise<JobResult> {
  const truth = newTruth();
  // Latencies go to the phase in which the message was due.
  const meter = newMeter();
  const pairs = await connectPairs(job, meter, truth);
  const stop = { now: false };
  const name = job.window === undefined ? `open ${job.rate}/s` : `${job.pairs}x${job.window}`;

  if (job.window !== undefined) closedLoop(pairs, job.window, stop);
  const open =
    job.rate === undefined ? Promise.resolve() : openLoop(pairs, job.rate, performance.now(), stop);

  await pause(job.warmSeconds * 1000);
  meter.delivered = 0;
  const cpu = process.cpuUsage();
  meter.from = performance.now();
  tell({ type: "begin", phase: name });
  if (job.total === undefined) await pause(job.seconds * 1000);
  else await until(() => truth.sent >= job.total!, 600_000);
  meter.until = performance.now();
  tell({ type: "end", phase: name });
  const used = process.cpuUsage(cpu);
  stop.now = true;
  await open;

  await until(() => pairs.every((pair) => pair.settled), DRAIN_MS);
  truth.missing = pairs.reduce((sum, pair) => sum + pair.missing, 0);
  for (const pair of pairs) pair.close();
  return { phases: [resultOf(name, meter, used)], truth };
}
