import type { FanoutJob } from "../generator/jobs.ts";
import { bareSocketio, bareWs } from "../peers/naive.ts";
import { inDialect, type Peer, type Running } from "../peers/peer.ts";
import { inOrder, measureJob, withPeer } from "./measured.ts";
import type { Context, Sizes } from "./sample.ts";

/** A crowd of listeners: one conversation for all, or many of ten. */
type Crowd = { label: string; rooms: number; listeners: number };

const SMALL_ROOM = 10;

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
    phases: [
      { name: "singles", burst: 1, warmSeconds: warmSeconds / 2, seconds },
      { name: "bursts of 10", burst: 10, warmSeconds: warmSeconds / 2, seconds },
    ],
  };
  await measureJob(context, "W2", round, peer, running, job, (phase) => `${crowd.label}, ${phase}`);
}

async function alternate(context: Context, peers: readonly Peer[]): Promise<void> {
  for (let round = 0; round < context.sizes.rounds; round++) {
    for (const peer of inOrder(peers, round)) {
      context.say(`W2 round ${round + 1}: ${peer.name}`);
      await withPeer(context, peer, async (running) => {
        for (const [index, crowd] of crowdsOf(context.sizes).entries()) {
          await hear(context, round, peer, running, crowd, index);
        }
      });
    }
  }
}

/** What one more listener costs. Ours are stored before they are told; the baselines store nothing. */
export async function w2FanOut(context: Context, ours: Peer): Promise<void> {
  const dialects = (["socketio", "sse", "stomp"] as const).map((name) => inDialect(ours, name));
  await alternate(context, [ours, ...dialects, bareWs, bareSocketio]);
}

export async function w2Compared(context: Context, ours: readonly Peer[]): Promise<void> {
  await alternate(context, ours);
}
