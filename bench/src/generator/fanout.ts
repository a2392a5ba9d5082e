import { setTimeout as pause } from "node:timers/promises";
import { Client, inParallel } from "./client.ts";
import { DRIVERS } from "./drivers/all.ts";
import { type Driver, numberOf } from "./drivers/driver.ts";
import type { FanoutJob, FanoutPhase, FromGenerator, JobResult, PhaseResult, Truth } from "./jobs.ts";
import { newMeter, resultOf } from "./meter.ts";
import { newTruth, noteError, StreamCheck } from "./truth.ts";

const DRAIN_MS = 20_000;
const FIRST_MESSAGE_MS = 60_000;

/** A room has one burst under way, of ten at most. */
const RING = 64;

/** One conversation with its listeners: bursts one after the other, each when all have the last one. */
class Room {
  meter = newMeter();
  #burst = 0;
  #stopped: boolean = true;
  #sent = 0;
  #awaited = 0;
  #sentAt = 0;
  #firstAt = 0;
  readonly #sender: Client;
  readonly #listeners: readonly Client[];
  readonly #checks: StreamCheck[];
  readonly #text: (number: number) => string;
  readonly #truth: Truth;

  constructor(
    sender: Client,
    listeners: readonly Client[],
    conversation: string,
    driver: Driver,
    truth: Truth,
    checkEvery: number,
  ) {
    this.#sender = sender;
    this.#listeners = listeners;
    this.#truth = truth;
    this.#text = driver.sender(conversation, sender.user);
    this.#checks = listeners.map((listener, index) => {
      const check = new StreamCheck(truth, RING, index % checkEvery === 0 ? driver : undefined);
      listener.onEnd = (reason) => noteError(truth, `${listener.user}: ${reason}`);
      listener.onFrame = (kind, payload) => {
        if (kind === "receive") this.#receive(check, payload);
        else if (kind === "error") noteError(truth, payload.toString("utf8", 0, 300));
      };
      return check;
    });
  }

  start(burst: number): void {
    this.#burst = burst;
    this.#stopped = false;
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
  }

  get settled(): boolean {
    return this.#awaited === 0;
  }

  get missing(): number {
    return this.#checks.reduce((sum, check) => sum + this.#sent - check.received, 0);
  }

  #next(): void {
    this.#sentAt = performance.now();
    this.#firstAt = 0;
    this.#awaited = this.#burst * this.#listeners.length;
    this.#truth.sent += this.#burst;
    this.#sender.gather(() => {
      for (let i = 0; i < this.#burst; i++) this.#sender.send(this.#text(this.#sent++));
    });
  }

  #receive(check: StreamCheck, payload: Buffer): void {
    if (!check.take(numberOf(payload), payload)) return;
    const now = performance.now();
    if (this.#firstAt === 0) this.#firstAt = now;
    if (now >= this.meter.from && now < this.meter.until) this.meter.delivered += 1;
    this.#awaited -= 1;
    if (this.#awaited > 0) return;
    if (this.#sentAt >= this.meter.from && this.#sentAt < this.meter.until) {
      this.meter.latency.record((now - this.#sentAt) * 1000);
      this.meter.second.record((now - this.#firstAt) * 1000);
    }
    if (!this.#stopped) this.#next();
  }
}

async function connectRooms(job: FanoutJob, truth: Truth): Promise<{ rooms: Room[]; clients: Client[] }> {
  const driver = DRIVERS[job.driver];
  const topics = Array.from({ length: job.rooms }, (_, index) => `${job.tag}t${index}`);
  const sender = await Client.connect(job.port, driver, { user: `${job.tag}s`, topic: topics[0]! });
  const seats = Array.from({ length: job.rooms * job.listeners }, (_, index) => ({
    user: `${job.tag}l${index}`,
    topic: topics[Math.floor(index / job.listeners)]!,
  }));
  const listeners = await inParallel(seats, 64, (seat) => Client.listen(job.port, driver, seat));
  sender.onEnd = (reason) => noteError(truth, `${sender.user}: ${reason}`);
  const rooms: Room[] = [];
  for (const [index, topic] of topics.entries()) {
    const members = listeners.slice(index * job.listeners, (index + 1) * job.listeners);
    const users = [sender.user, ...members.map((member) => member.user)];
    const conversation = await sender.openConversation(users, topic);
    rooms.push(new Room(sender, members, conversation, driver, truth, job.checkEvery));
  }
  sender.onFrame = (kind, payload) => {
    if (kind === "ack") truth.acked += 1;
    else if (kind === "error") noteError(truth, payload.toString("utf8", 0, 300));
  };
  return { rooms, clients: [sender, ...listeners] };
}

async function runPhase(
  rooms: readonly Room[],
  phase: FanoutPhase,
  tell: (message: FromGenerator) => void,
): Promise<PhaseResult> {
  const meter = newMeter();
  for (const room of rooms) room.meter = meter;
  for (const room of rooms) room.start(phase.burst);
  await pause(phase.warmSeconds * 1000);
  const cpu = process.cpuUsage();
  meter.from = performance.now();
  tell({ type: "begin", phase: phase.name });
  await pause(phase.seconds * 1000);
  meter.until = performance.now();
  tell({ type: "end", phase: phase.name });
  const used = process.cpuUsage(cpu);
  for (const room of rooms) room.stop();
  const limit = performance.now() + DRAIN_MS;
  while (!rooms.every((room) => room.settled) && performance.now() < limit) await pause(5);
  return resultOf(phase.name, meter, used);
}

/** Making a large conversation gives the server work for a while: one message to all ends the preparations. */
async function firstMessage(rooms: readonly Room[]): Promise<number> {
  const from = performance.now();
  for (const room of rooms) {
    room.start(1);
    room.stop();
  }
  while (!rooms.every((room) => room.settled)) {
    if (performance.now() - from > FIRST_MESSAGE_MS)
      throw new Error("the first message did not reach everyone");
    await pause(5);
  }
  return (performance.now() - from) / 1000;
}

export async function runFanout(job: FanoutJob, tell: (message: FromGenerator) => void): Promise<JobResult> {
  const truth = newTruth();
  const { rooms, clients } = await connectRooms(job, truth);
  const firstSeconds = await firstMessage(rooms);
  const phases: PhaseResult[] = [];
  for (const phase of job.phases) phases.push(await runPhase(rooms, phase, tell));
  const limit = performance.now() + DRAIN_MS;
  while (truth.acked < truth.sent && performance.now() < limit) await pause(5);
  truth.missing = rooms.reduce((sum, room) => sum + room.missing, 0);
  for (const client of clients) client.close();
  return { phases, truth, firstSeconds };
}
