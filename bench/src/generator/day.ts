import { setTimeout as pause } from "node:timers/promises";
import { Client, inParallel } from "./client.ts";
import { DRIVERS } from "./drivers/all.ts";
import { mark, numberOf } from "./drivers/driver.ts";
import { HttpSocket } from "./http-socket.ts";
import type { DayJob, DayStep, FromGenerator, JobResult, PhaseResult } from "./jobs.ts";
import { type Meter, newMeter, resultOf } from "./meter.ts";
import { circlesOf, seededRandom } from "./population.ts";
import { newTruth, noteError } from "./truth.ts";

/** What a person at work does in an hour, roughly: more looking than talking. */
const HABITS = { send: 60, read: 120, type: 90, react: 20, page: 60, presence: 6, reconnect: 6 };
type Habit = keyof typeof HABITS;
export const ACTIONS_AN_HOUR = Object.values(HABITS).reduce((sum, each) => sum + each, 0);

const DRAIN_MS = 20_000;
const HTTP_SOCKETS = 32;
const ADMIRATION = ["👍", "❤️", "😂", "🎉"] as const;
const STATUSES = ["online", "away"] as const;
const SEED = 1;

type Conversation = { readonly id: string; readonly people: readonly Person[]; last: number };

/** What everybody in the job shares. */
type World = {
  readonly job: DayJob;
  readonly truth: ReturnType<typeof newTruth>;
  meter: Meter;
  readonly random: () => number;
  /** Of every message, when it was due and who sent it. */
  readonly dues: number[];
  readonly senders: Person[];
  readonly pages: HttpSocket[];
};

/** One user with one connection, which now and then is lost and comes back where it was. */
class Person {
  readonly user: string;
  readonly #world: World;
  readonly #seen: Set<number> | undefined;
  readonly #lastSeqs = new Map<string, number>();
  readonly #asked = new Map<number, number>();
  #client: Client | undefined;
  #position = "";
  /** Told something that the last position does not cover. */
  #isAhead = false;
  #wantsToLeave = false;
  #lastRequest = 0;
  expected = 0;
  received = 0;

  constructor(world: World, user: string, isChecked: boolean) {
    this.#world = world;
    this.user = user;
    if (!isChecked) return;
    this.#seen = new Set();
    world.truth.checkedSockets += 1;
  }

  get isBack(): boolean {
    return this.#client !== undefined;
  }

  async arrive(): Promise<void> {
    const { job, truth } = this.#world;
    const driver = DRIVERS[job.driver];
    const isNew = this.#position === "";
    const client = await Client.connect(job.port, driver, { user: this.user, topic: "" }, (ready) => {
      if (isNew) this.#position = driver.resume!.positionOf(ready);
    });
    client.onEnd = (reason) => noteError(truth, `${this.user}: ${reason}`);
    client.onFrame = (kind, payload) => {
      if (kind === "receive") this.#hear(payload);
      else if (kind !== "ready") this.#answer(payload.toString("latin1", 0, 400));
    };
    if (isNew) for (const text of driver.wake) client.send(text);
    else await client.ask(driver.resume!.frame(this.#position), "resumed");
    this.#client = client;
  }

  /** A conversation of these, of whom this is the first. */
  async open(people: readonly Person[]): Promise<Conversation> {
    const users = people.map(({ user }) => user);
    return { id: await this.#client!.openConversation(users, ""), people, last: -1 };
  }

  leave(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** @param due when it should have been done */
  act(habit: Habit, conversation: Conversation, due: number): void {
    const client = this.#client;
    if (client === undefined) return;
    const { random, dues, senders, truth } = this.#world;
    const { id } = conversation;
    if (habit === "send") {
      const number = dues.push(due) - 1;
      senders.push(this);
      truth.sent += 1;
      for (const person of conversation.people) if (person !== this) person.expected += 1;
      const frame = DRIVERS[this.#world.job.driver].sender(id, this.user)(number);
      client.send(`{"id":${this.#ask(due)},${frame.slice(1)}`);
      conversation.last = number;
    } else if (habit === "read") this.#request(client, due, "read", { conversation_id: id });
    else if (habit === "react") {
      if (conversation.last < 0) return;
      const emoji = ADMIRATION[Math.floor(random() * ADMIRATION.length)];
      const message_id = `b${mark(conversation.last)}`;
      this.#request(client, due, "reaction.add", { conversation_id: id, message_id, emoji });
    } else if (habit === "presence") {
      this.#request(client, due, "presence", { status: STATUSES[Math.floor(random() * 2)] });
    } else if (habit === "type") {
      const payload = { conversation_id: id, typing: true };
      client.send(JSON.stringify({ event: "typing", payload }));
    } else if (habit === "page") void this.#read(id, due);
    else {
      this.#wantsToLeave = true;
      this.#leaveIfTold();
    }
  }

  #ask(due: number): number {
    this.#asked.set(++this.#lastRequest, due);
    return this.#lastRequest;
  }

  #request(client: Client, due: number, event: string, payload: Record<string, unknown>): void {
    client.send(JSON.stringify({ event, id: this.#ask(due), payload }));
  }

  #answered(due: number): void {
    const { meter } = this.#world;
    if (due >= meter.from && due < meter.until) meter.second.record((performance.now() - due) * 1000);
  }

  #answer(head: string): void {
    const [, event, id] = /^\{"event":"([a-z._]+)"(?:,"id":(\d+))?/.exec(head) ?? [];
    if (event === "position") {
      this.#position = /"position":"([^"]+)"/.exec(head.slice(20))![1]!;
      this.#isAhead = false;
      this.#leaveIfTold();
      return;
    }
    // Somebody may react to what is not stored yet: that is refused, and an answer like any other.
    if (event === "error" && !head.includes('"not_found"')) noteError(this.#world.truth, head);
    if (event === "message.ack") this.#world.truth.acked += 1;
    const due = id === undefined ? undefined : this.#asked.get(Number(id));
    if (due === undefined) return;
    this.#asked.delete(Number(id));
    this.#answered(due);
  }

  #hear(payload: Buffer): void {
    const { meter, truth, dues, senders, job } = this.#world;
    const number = numberOf(payload);
    // After a resume one may hear oneself, where the position was not told yet.
    if (senders[number] === this) return;
    this.#isAhead = true;
    this.received += 1;
    truth.received += 1;
    const now = performance.now();
    const due = dues[number]!;
    if (now >= meter.from && now < meter.until) meter.delivered += 1;
    if (due >= meter.from && due < meter.until) meter.latency.record((now - due) * 1000);
    if (this.#seen === undefined) return;
    const { conversation, seq = -1 } = DRIVERS[job.driver].decode(payload);
    if (this.#seen.has(number) || seq <= (this.#lastSeqs.get(conversation) ?? 0)) truth.seqFaults += 1;
    this.#seen.add(number);
    this.#lastSeqs.set(conversation, seq);
  }

  /** Resuming begins where the position stands, so one leaves when all that was heard is in it, and nothing is asked. */
  #leaveIfTold(): void {
    if (!this.#wantsToLeave || this.#isAhead || this.#asked.size > 0) return;
    this.#wantsToLeave = false;
    this.leave();
    const due = performance.now();
    this.arrive().then(
      () => this.#answered(due),
      (error: unknown) => noteError(this.#world.truth, `${this.user} coming back: ${error}`),
    );
  }

  async #read(conversationId: string, due: number): Promise<void> {
    const socket = this.#world.pages.pop();
    // As a browser does: all connections are in use, this page is asked for later.
    if (socket === undefined) {
      setTimeout(() => void this.#read(conversationId, due), 1);
      return;
    }
    const status = await socket.get(`/api/v1/chat/${conversationId}?limit=50`, `X-User-Id: ${this.user}\r\n`);
    this.#world.pages.push(socket);
    if (status !== 200) noteError(this.#world.truth, `a page was answered with ${status}`);
    this.#answered(due);
  }
}

async function openAll(world: World, people: readonly Person[]): Promise<Conversation[]> {
  const { job, random } = world;
  const circles = Map.groupBy(circlesOf(job.users, job.largestGroup, random), ([first]) => first!);
  const opened = await inParallel([...circles], 16, async ([first, own]) => {
    const conversations: Conversation[] = [];
    for (const circle of own) {
      conversations.push(await people[first]!.open(circle.map((index) => people[index]!)));
    }
    return conversations;
  });
  return opened.flat();
}

function habitsInTurn(random: () => number): () => Habit {
  const all = (Object.keys(HABITS) as Habit[]).flatMap((habit) => Array<Habit>(HABITS[habit]).fill(habit));
  return () => all[Math.floor(random() * all.length)]!;
}

async function runStep(
  world: World,
  people: readonly Person[],
  conversations: readonly Conversation[],
  step: DayStep,
  tell: (message: FromGenerator) => void,
): Promise<PhaseResult> {
  const { random, job } = world;
  const oneOf = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const habit = habitsInTurn(random);
  const gap = 3_600_000 / (step.asMany * ACTIONS_AN_HOUR);
  const meter = newMeter();
  world.meter = meter;
  const start = performance.now();
  const measured = start + job.warmSeconds * 1000;
  const end = measured + job.seconds * 1000;
  let cpu: NodeJS.CpuUsage | undefined;
  for (let due = start; due < end; ) {
    const now = performance.now();
    if (cpu === undefined && now >= measured) {
      cpu = process.cpuUsage();
      meter.from = now;
      tell({ type: "begin", phase: step.name });
    }
    for (; due <= now && due < end; due += gap) {
      // A conversation is talked in as much as any other, however many are in it.
      const conversation = oneOf(conversations);
      oneOf(conversation.people).act(habit(), conversation, due);
    }
    await pause(1);
  }
  meter.until = performance.now();
  tell({ type: "end", phase: step.name });
  const used = process.cpuUsage(cpu);
  await settle(people, world);
  return resultOf(step.name, meter, used);
}

async function settle(people: readonly Person[], { truth }: World): Promise<void> {
  const limit = performance.now() + DRAIN_MS;
  const isDone = () =>
    truth.acked === truth.sent &&
    people.every((person) => person.isBack && person.received >= person.expected);
  while (!isDone() && performance.now() < limit) await pause(5);
}

/** People at work in conversations of all sizes, busier with each step. */
export async function runDay(job: DayJob, tell: (message: FromGenerator) => void): Promise<JobResult> {
  const pages = await Promise.all(Array.from({ length: HTTP_SOCKETS }, () => HttpSocket.open(job.port)));
  const world: World = {
    job,
    truth: newTruth(),
    meter: newMeter(),
    random: seededRandom(SEED),
    dues: [],
    senders: [],
    pages: [...pages],
  };
  const people = Array.from(
    { length: job.users },
    (_, index) => new Person(world, `${job.tag}u${index}`, index % job.checkEvery === 0),
  );
  await inParallel(people, 64, (person) => person.arrive());
  const conversations = await openAll(world, people);
  const phases: PhaseResult[] = [];
  for (const step of job.steps) phases.push(await runStep(world, people, conversations, step, tell));
  for (const { received, expected } of people) {
    if (received < expected) world.truth.missing += expected - received;
    else world.truth.doubled += received - expected;
  }
  for (const person of people) person.leave();
  for (const socket of pages) socket.close();
  return { phases, truth: world.truth };
}
