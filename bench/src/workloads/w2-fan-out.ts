import type { FanoutJob } from "../generator/jobs.ts";
import { bareSocketio, bareWs } from "../peers/naive.ts";
import { nats } from "../peers/nats.ts";
import { nchan } from "../peers/nchan.ts";
import { inDialect, type Peer, type Running } from "../peers/peer.ts";
import { rabbitmqTopics } from "../peers/rabbitmq.ts";
import { measureJob } from "./measured.ts";
import type { Context, Sizes } from "./sample.ts";
import { alternate, type Entrant, entrantOf } from "./turns.ts";

/** A crowd of listeners: one conversation for all, or many of ten. */
type Crowd = { label: string; rooms: number; listeners: number };

const SMALL_ROOM = 10;
/** Singles, and bursts of ten: name and number of messages. */
const PHASES = [
  ["singles", 1],
  ["bursts of 10", 10],
] as const;

function crowdsOf(sizes: Sizes): Crowd[] {
  const large = sizes.listeners.map((listeners) => ({ label: `${listeners}`, rooms: 1, listeners }));
  const rooms = Math.max(1, Math.floor(sizes.smallRooms));
  return [...large, { label: `${rooms} rooms of ${SMALL_ROOM}`, rooms, listeners: SMALL_ROOM }];
}

async function hear(
  context: Context,
  round: number,
  peer: Peer,
  running: Running,
  crowd: Crowd,
  index: number,
): Promise<void> {
  const { warmSeconds, fanoutSeconds: seconds, checkEvery } = context.sizes;
  const job: FanoutJob = {
    kind: "fanout",
    port: running.port,
    driver: peer.driver,
    tag: `${context.seed}w2-${round}-${index}-`,
    checkEvery,
    rooms: crowd.rooms,
    listeners: crowd.listeners,
    phases: PHASES.map(([name, burst]) => ({ name, burst, warmSeconds: warmSeconds / 2, seconds })),
  };
  await measureJob(context, "W2", round, peer, running, job, (phase) => caseOf(crowd, phase));
}

function caseOf(crowd: Crowd, phase: string): string {
  return `${crowd.label}, ${phase}`;
}

function heard(context: Context, peer: Peer, crowds: readonly Crowd[]): Entrant {
  const cases = crowds.flatMap((crowd) => PHASES.map(([phase]) => caseOf(crowd, phase)));
  return entrantOf(context, "W2", peer, cases, async (round, running) => {
    for (const [index, crowd] of crowds.entries()) await hear(context, round, peer, running, crowd, index);
  });
}

/** What one more listener costs. Ours are stored before they are told; the baselines store nothing. */
export async function w2FanOut(context: Context, ours: Peer): Promise<void> {
  const dialects = (["socketio", "sse", "stomp"] as const).map((name) => inDialect(ours, name));
  const crowds = crowdsOf(context.sizes);
  // Brokers hear in the one crowd that their bars are about.
  const one = crowds.slice(context.sizes.listeners.length >> 1).slice(0, 1);
  await alternate(context, "W2", [
    ...[ours, ...dialects, bareWs, bareSocketio].map((peer) => heard(context, peer, crowds)),
    ...[nats, nchan, rabbitmqTopics].map((peer) => heard(context, peer, one)),
  ]);
}

export async function w2Compared(context: Context, ours: readonly Peer[]): Promise<void> {
  const crowds = crowdsOf(context.sizes);
  const entrants = ours.map((peer) => heard(context, peer, crowds));
  await alternate(context, "W2", entrants);
}
