import { setTimeout as pause } from "node:timers/promises";
import { Client } from "./client.ts";
import { DRIVERS } from "./drivers/all.ts";
import { HttpSocket } from "./http-socket.ts";
import type { FromGenerator, JobResult, PostsJob } from "./jobs.ts";
import { newMeter, resultOf } from "./meter.ts";
import { newTruth, noteError } from "./truth.ts";

const PATH = "/api/v1/messages";
const LATE_MS = 20_000;
const RING = 8192;
/** Leads the number in a text, where nothing else of a frame has it. */
const MARK = "post no ";

type Pair = {
  readonly head: string;
  sent: number;
  received: number;
  readonly due: Float64Array;
};

/**
 * Posts onto the queue over so many connections, each with pairs of its own and one request at a time; every k-th
 * pair's receiver listens, to see when a message is stored and whether all come once and in order.
 */
export async function runPosts(job: PostsJob, tell: (message: FromGenerator) => void): Promise<JobResult> {
  const truth = newTruth();
  const meter = newMeter();
  let stopped = false;

  const pairs: Pair[] = Array.from({ length: job.pairs }, (_, i) => ({
    head: `{"sender_id":"${job.tag}s${i}","receiver_id":"${job.tag}r${i}","content":"${MARK}`,
    sent: 0,
    received: 0,
    due: new Float64Array(RING),
  }));
  const sockets = await Promise.all(Array.from({ length: job.connections }, () => HttpSocket.open(job.port)));

  const post = async (socket: HttpSocket, pair: Pair): Promise<void> => {
    const number = pair.sent++;
    truth.sent++;
    const due = performance.now();
    pair.due[number & (RING - 1)] = due;
    const text = String(number).padStart(8, "0").padEnd(52, ".");
    const status = await socket.post(PATH, `${pair.head}${text}"}`);
    const now = performance.now();
    if (status === 202) truth.acked++;
    else noteError(truth, `answered ${status}`);
    if (due >= meter.from && due < meter.until) meter.second.record((now - due) * 1000);
    if (now >= meter.from && now < meter.until && status === 202) meter.delivered++;
  };

  // Conversations are made first, by the first message of each pair.
  const own = (index: number) => pairs.filter((_, i) => i % job.connections === index);
  await Promise.all(
    sockets.map(async (socket, i) => {
      for (const pair of own(i)) await post(socket, pair);
    }),
  );
  const watched = job.watchEvery === 0 ? [] : pairs.filter((_, i) => i % job.watchEvery === 0);
  const watchers = await Promise.all(
    watched.map(async (pair) => {
      const user = /"receiver_id":"([^"]+)"/.exec(pair.head)?.[1] as string;
      const client = await Client.listen(job.port, DRIVERS.websocket, { user });
      const first = pair.sent;
      client.onEnd = (reason) => noteError(truth, reason);
      client.onFrame = (kind, payload) => {
        if (kind !== "receive") return;
        const at = payload.indexOf(MARK);
        const number = Number(payload.toString("latin1", at + MARK.length, at + MARK.length + 8));
        if (number < first) return;
        truth.received++;
        if (number < first + pair.received) truth.doubled++;
        else if (number > first + pair.received) truth.outOfOrder++;
        pair.received = number - first + 1;
        const due = pair.due[number & (RING - 1)] as number;
        if (due >= meter.from && due < meter.until) meter.latency.record((performance.now() - due) * 1000);
      };
      return { client, first, pair };
    }),
  );

  const running = sockets.map(async (socket, i) => {
    const mine = own(i);
    for (let next = 0; !stopped && mine.length > 0; next++)
      await post(socket, mine[next % mine.length] as Pair);
  });
  await pause(job.warmSeconds * 1000);
  const cpu = process.cpuUsage();
  meter.from = performance.now();
  tell({ type: "begin", phase: "posts" });
  if (job.total === undefined) await pause(job.seconds * 1000);
  else while (truth.sent < job.total && truth.errors.length === 0) await pause(5);
  meter.until = performance.now();
  tell({ type: "end", phase: "posts" });
  const used = process.cpuUsage(cpu);
  stopped = true;
  await Promise.all(running);

  const missing = () =>
    watchers.reduce((sum, { pair, first }) => sum + (pair.sent - first - pair.received), 0);
  for (const end = performance.now() + LATE_MS; missing() > 0 && performance.now() < end; ) await pause(5);
  truth.missing = missing();
  truth.checkedSockets = watchers.length;
  for (const { client } of watchers) client.close();
  for (const socket of sockets) socket.close();
  return { phases: [resultOf("posts", meter, used)], truth };
}
