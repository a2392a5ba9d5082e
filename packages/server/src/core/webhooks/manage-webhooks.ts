import type {
  CreateWebhook,
  DeleteWebhook,
  ReplayDelivery,
  UpdateWebhook,
  WebhookSet,
} from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { DeliveryPage, ReadDeliveries, ReadWebhooks } from "@parlance/protocol/queries.ts";
import { WEBHOOK_EVENTS, type Webhook, type WebhookWish } from "@parlance/protocol/webhooks.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { mayManageWebhooks } from "../policy.ts";
import { newSecret, readSecret, spellSecret } from "./secrets.ts";

type WebhookParts = Pick<Parts, "webhooks" | "webhookTargets">;

/** Each is asked for work twice a second. */
const MAX_WEBHOOKS = 1_000;
/** For whoever has the secret elsewhere to take the new one. */
const KEEP_OLD_SECRET_MS = 24 * 60 * 60 * 1_000;

export async function createWebhook(
  { webhooks, webhookTargets }: WebhookParts,
  caller: Caller,
  { url, events, secret: given }: CreateWebhook,
): Promise<WebhookSet> {
  check(caller);
  const secret = given === null ? newSecret() : readSecret(given);
  const wish = checkedEvents(events);
  const webhook = await webhooks.create(
    { url: await checkedUrl(webhookTargets, url), events: wish, secret },
    MAX_WEBHOOKS,
  );
  if (webhook === null) throw new Refusal("conflict", `There are ${MAX_WEBHOOKS} webhooks already`);
  return { webhook, secret: spellSecret(secret) };
}

export async function updateWebhook(
  { webhooks, webhookTargets }: WebhookParts,
  caller: Caller,
  { webhookId, url, events, secret: given, enabled }: UpdateWebhook,
): Promise<WebhookSet> {
  check(caller);
  const secret = given === undefined ? undefined : given === null ? newSecret() : readSecret(given);
  const webhook = await webhooks.update(webhookId, {
    ...(url !== undefined && { url: await checkedUrl(webhookTargets, url) }),
    ...(events !== undefined && { events: checkedEvents(events) }),
    ...(secret !== undefined && { secret }),
    enabled,
    keepOldMs: KEEP_OLD_SECRET_MS,
  });
  if (webhook === null) throw unknownWebhook();
  return { webhook, secret: secret === undefined ? null : spellSecret(secret) };
}

export async function deleteWebhook(
  { webhooks }: Pick<Parts, "webhooks">,
  caller: Caller,
  { webhookId }: DeleteWebhook,
): Promise<undefined> {
  check(caller);
  if (!(await webhooks.remove(webhookId))) throw unknownWebhook();
}

export async function replayDelivery(
  { webhooks }: Pick<Parts, "webhooks">,
  caller: Caller,
  { webhookId, deliveryId }: ReplayDelivery,
): Promise<undefined> {
  check(caller);
  const replayed = await webhooks.replay(webhookId, deliveryId);
  if (replayed === null) throw new Refusal("not_found", "Delivery not found");
  if (!replayed) throw new Refusal("conflict", "The webhook is disabled");
}

export async function readWebhooks(
  { webhooks }: Pick<Parts, "webhooks">,
  caller: Caller,
  _query: ReadWebhooks,
): Promise<readonly Webhook[]> {
  check(caller);
  return await webhooks.list(null);
}

export async function readDeliveries(
  { webhooks }: Pick<Parts, "webhooks">,
  caller: Caller,
  { webhookId, before, limit }: ReadDeliveries,
): Promise<DeliveryPage> {
  check(caller);
  const [[webhook], found] = await Promise.all([
    webhooks.list(webhookId),
    webhooks.deliveries(webhookId, before, limit + 1),
  ]);
  if (webhook === undefined) throw unknownWebhook();
  return { deliveries: found.slice(0, limit), more: found.length > limit };
}

function check(caller: Caller): void {
  const refusal = mayManageWebhooks(caller);
  if (refusal !== null) throw refusal;
}

async function checkedUrl(targets: Parts["webhookTargets"], url: string): Promise<string> {
  const reason = await targets.refusalOf(url);
  if (reason !== null) throw new Refusal("invalid", reason);
  return new URL(url).href;
}

function checkedEvents(events: WebhookWish): WebhookWish {
  const known: readonly string[] = [...WEBHOOK_EVENTS, "*"];
  const unknown = events.find((event) => !known.includes(event));
  if (unknown !== undefined) throw new Refusal("invalid", "There is no such event");
  if (events.length === 0) throw new Refusal("invalid", "A webhook needs an event to be told of");
  return [...new Set(events)];
}

const unknownWebhook = (): Refusal => new Refusal("not_found", "Webhook not found");
