import type { Webhook, WebhookDelivery, WebhookEvent, WebhookWish } from "@parlance/protocol/webhooks.ts";

export interface NewWebhook {
  readonly url: string;
  readonly events: WebhookWish;
  readonly secret: Buffer;
}

export interface WebhookChange extends Partial<NewWebhook> {
  readonly enabled?: boolean | undefined;
  /** How long the secret before goes on signing, where there is another one. */
  readonly keepOldMs: number;
}

/** The registered endpoints and the log of what they were told. */
export interface WebhookRegister {
  /** Null: there are `limit` already. */
  create(webhook: NewWebhook, limit: number): Promise<Webhook | null>;
  /** Null: there is none of that id. */
  update(id: number, change: WebhookChange): Promise<Webhook | null>;
  remove(id: number): Promise<boolean>;
  /** By id; of one alone where it is named. */
  list(id: number | null): Promise<readonly Webhook[]>;
  /** Newest first, older than `before`. */
  deliveries(webhookId: number, before: number | null, limit: number): Promise<readonly WebhookDelivery[]>;
  /** False: its webhook is disabled; null: there is none of that id. */
  replay(webhookId: number, deliveryId: number): Promise<boolean | null>;
}

/** The oldest thing that an endpoint is still to be told of a conversation, leased to whoever has this. */
export interface DueDelivery {
  readonly webhookId: number;
  readonly url: string;
  /** All sign, the newest first. */
  readonly secrets: readonly Buffer[];
  readonly event: WebhookEvent;
  /** With the lease, what `settle` finds it by. */
  readonly eventNumber: number;
  readonly lease: number;
  /** Tries before this one. */
  readonly tries: number;
}

export interface ClaimWish {
  readonly limit: number;
  /** How many an endpoint has under way here, by id. */
  readonly busy: Readonly<Record<number, number>>;
  /** How many it may have. */
  readonly each: number;
  /** Whether endpoints that fail get a turn, one each. */
  readonly failing: boolean;
  readonly leaseMs: number;
}

export interface Settlement {
  /** `gone` disables the endpoint. */
  readonly outcome: "delivered" | "retry" | "failed" | "gone";
  /** Until the next try. */
  readonly delayMs: number;
  readonly status: number | null;
  readonly answer: string | null;
  /** An endpoint that has taken nothing for longer is disabled. */
  readonly disableAfterMs: number;
  /** Whether the next of the same endpoint and conversation is wanted, with a new lease. */
  readonly more: boolean;
  readonly leaseMs: number;
}

/** What is to be told: written with the facts it tells of, by the store itself. Any number of processes may work on it. */
export interface WebhookOutbox {
  /** Makes deliveries of events, oldest first; how many events those were. None where another process is at it. */
  spread(limit: number): Promise<number>;
  claim(wish: ClaimWish): Promise<readonly DueDelivery[]>;
  /** The next one of the line, where it was asked for and there is one. Nothing changes where the lease has ended. */
  settle(delivery: DueDelivery, settlement: Settlement): Promise<DueDelivery | null>;
  /** Ends what is left over and forgets what is old; true where there may be more of it. */
  sweep(wish: {
    readonly keepMs: number;
    readonly maxBacklog: number;
    readonly limit: number;
  }): Promise<boolean>;
}
