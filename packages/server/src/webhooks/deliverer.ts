import type { WebhookEvent } from "@parlance/protocol/webhooks.ts";
import type { Log } from "../core/ports/log.ts";
import type { RateBuckets } from "../core/ports/rate-buckets.ts";
import type { DueDelivery, Settlement, WebhookOutbox } from "../core/ports/webhook-store.ts";
import type { Answer, Post } from "../core/ports/webhook-targets.ts";
import { nextTry } from "./schedule.ts";
import { signatureHeaders } from "./signature.ts";

/** What an event's `data` is, in the words of a dialect. */
export type DataOf = (event: WebhookEvent) => object;

export interface DelivererOptions {
  readonly outbox: WebhookOutbox;
  readonly post: Post;
  readonly dataOf: DataOf;
  /** By endpoint and conversation. A wait must be far shorter than a lease. */
  readonly pace: RateBuckets;
  /** Milliseconds before each try after the first. */
  readonly waits: readonly number[];
  /** An endpoint that has taken nothing for so long is disabled. */
  readonly disableAfterMs: number;
  /** How long somebody who claimed a delivery has for it; more than a request may take. */
  readonly leaseMs: number;
  /** Between two looks for what is due, while there is something. */
  readonly pollMs: number;
  /** Between two looks when nothing was told: other processes' events, and retries, are so late. */
  readonly idleMs: number;
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
}

export interface Deliverer {
  /** This process has stored something, which may be an event. */
  moved(): void;
  /** Begins nothing more; requests under way get so long. */
  stop(graceMs: number): Promise<void>;
}

/** Events that become deliveries in one transaction. */
const SPREAD = 500;
/** Requests under way in one process, and to one endpoint. */
const MAX_UNDER_WAY = 128;
const MAX_EACH = 8;
/** Endpoints that fail have no more than this of them, or those that hang would hold all. */
const MAX_FAILING = MAX_UNDER_WAY / 2;
/** Deliveries of one conversation to one endpoint before others have their turn. */
const MAX_RUN = 50;
const KEEP_MS = 7 * 24 * 3_600_000;
/** Deliveries that may wait for one endpoint. */
const MAX_BACKLOG = 100_000;
const SWEEP_MS = 60_000;
const SWEEP_ROWS = 2_000;

/** Sends what is due. Any number of processes may do so over one store. */
export function startDeliverer(options: DelivererOptions): Deliverer {
  const { outbox, pace, leaseMs, pollMs, idleMs, log } = options;
  /** Said once of each. */
  const paced = new Set<number>();
  const busy = new Map<number, number>();
  const stopping = new AbortController();
  const runs = new Set<Promise<void>>();
  let stopped = false;
  let sweptAt = options.now();
  /** There was more to do than could be begun: the next end of something begins it. */
  let full = false;
  /** Something was stored since the last round began. */
  let hasMoved = false;
  let wake = () => {};
  let hurry = () => {};

  const count = (webhookId: number, by: number): void => {
    const left = (busy.get(webhookId) ?? 0) + by;
    if (left === 0) busy.delete(webhookId);
    else busy.set(webhookId, left);
  };

  /** However quickly an endpoint makes what it is told of: it may be answering each message by another. */
  const inPace = async ({ webhookId, event: { conversationId } }: DueDelivery): Promise<void> => {
    for (;;) {
      const waitMs = await pace.take(`${webhookId} ${conversationId}`);
      if (waitMs <= 0) return;
      if (!paced.has(webhookId)) {
        paced.add(webhookId);
        log.warn(
          { webhookId, conversationId },
          "a webhook is kept to its pace: does it answer each message by another?",
        );
      }
      await new Promise((resolve) => setTimeout(resolve, Math.ceil(waitMs)));
    }
  };

  /** One line, until it is done or has had its turn. */
  const runLine = async (first: DueDelivery): Promise<void> => {
    let due: DueDelivery | null = first;
    for (let sent = 1; due !== null; sent++) {
      await inPace(due);
      const answer = await send(options, due, stopping.signal);
      const settlement = settlementOf(options, due, answer, !stopped && sent < MAX_RUN);
      if (settlement.outcome === "gone")
        log.warn({ webhookId: due.webhookId }, "a webhook is gone: disabled");
      due = await outbox.settle(due, settlement);
    }
  };

  const begin = (due: DueDelivery): void => {
    count(due.webhookId, 1);
    const run = runLine(due)
      // The lease ends, and somebody sends it again.
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) log.warn({ error }, "a webhook's delivery is left to be repeated");
      })
      .finally(() => {
        count(due.webhookId, -1);
        runs.delete(run);
        if (full) wake();
      });
    runs.add(run);
  };

  const round = async (): Promise<void> => {
    hasMoved = false;
    while ((await outbox.spread(SPREAD)) === SPREAD && !stopped);
    const limit = MAX_UNDER_WAY - runs.size;
    const due =
      limit === 0
        ? []
        : await outbox.claim({
            limit,
            busy: Object.fromEntries(busy),
            each: MAX_EACH,
            failing: runs.size < MAX_FAILING,
            leaseMs,
          });
    full = due.length > 0 || limit === 0;
    due.forEach(begin);
    if (options.now() - sweptAt < SWEEP_MS) return;
    sweptAt = options.now();
    while ((await outbox.sweep({ keepMs: KEEP_MS, maxBacklog: MAX_BACKLOG, limit: SWEEP_ROWS })) && !stopped);
  };

  const work = async (): Promise<void> => {
    while (!stopped) {
      const next = Promise.withResolvers<void>();
      wake = next.resolve;
      await round().catch((error: unknown) => log.warn({ error }, "webhooks wait for the store"));
      let timer = setTimeout(next.resolve, hasMoved || runs.size > 0 ? pollMs : idleMs);
      hurry = () => {
        clearTimeout(timer);
        timer = setTimeout(next.resolve, pollMs);
      };
      if (!stopped) await next.promise;
      clearTimeout(timer);
    }
  };
  const working = work();

  return {
    moved() {
      if (hasMoved) return;
      hasMoved = true;
      hurry();
    },
    async stop(graceMs) {
      stopped = true;
      wake();
      await working;
      const timer = setTimeout(() => stopping.abort(), graceMs);
      await Promise.all(runs);
      clearTimeout(timer);
    },
  };
}

async function send(
  { post, dataOf, now }: DelivererOptions,
  { url, secrets, event }: DueDelivery,
  signal: AbortSignal,
): Promise<Answer> {
  const { id, type, at, conversationId, seq } = event;
  const body = JSON.stringify({
    type,
    timestamp: new Date(at).toISOString(),
    data: { ...dataOf(event), conversationId, seq },
  });
  const signed = { id: `msg_${id}`, timestamp: Math.floor(now() / 1_000), body };
  return await post({
    url,
    headers: {
      "content-type": "application/json",
      "user-agent": "Parlance-Webhooks/1",
      ...signatureHeaders(signed, secrets),
    },
    body,
    signal,
  });
}

function settlementOf(
  { waits, disableAfterMs, leaseMs, now, random }: DelivererOptions,
  { tries }: DueDelivery,
  { status, retryAfter, text }: Answer,
  more: boolean,
): Settlement {
  const said = { status, answer: text, disableAfterMs, more, leaseMs };
  if (status !== null && status >= 200 && status < 300) return { ...said, outcome: "delivered", delayMs: 0 };
  if (status === 410) return { ...said, outcome: "gone", delayMs: 0 };
  const delayMs = nextTry(waits, { tries: tries + 1, retryAfter, now: now(), random });
  return delayMs === null
    ? { ...said, outcome: "failed", delayMs: 0 }
    : { ...said, outcome: "retry", delayMs };
}
