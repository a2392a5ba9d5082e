import { Refusal } from "@parlance/protocol/errors.ts";
import {
  WEBHOOK_EVENTS,
  type Webhook,
  type WebhookDelivery,
  type WebhookWish,
} from "@parlance/protocol/webhooks.ts";
import type { FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import type { Caller } from "../../core/caller.ts";
import type { App } from "../../http/app.ts";
import type { RouteScope } from "../../http/scopes.ts";
import type { DialectParts } from "../dialect.ts";
import { envelope, errorEnvelope, STOMP_STATUS } from "./envelope.ts";
import { created, ok, Page } from "./rest/replies.ts";
import { Limit, limitOf } from "./rest/request.ts";
import { closed, Id, Nullable, Time, timeOf, timeOrNull } from "./shapes/common.ts";

const PATH = "/api/chat/webhooks";

const Url = Type.String({ maxLength: 2_048 });
const Events = Type.Array(Type.String({ enum: ["*", ...WEBHOOK_EVENTS] }), {
  minItems: 1,
  maxItems: 20,
  description: 'What it is told of; "*": all, of later versions too',
});
const Secret = Type.String({ maxLength: 128, description: "whsec_ and the base64 of 24 to 64 bytes" });
const CreateBody = Type.Object(
  { url: Url, events: Type.Optional(Events), secret: Type.Optional(Type.Union([Secret, Type.Null()])) },
  closed,
);
const UpdateBody = Type.Object(
  {
    url: Type.Optional(Url),
    events: Type.Optional(Events),
    /** Null: another one of the server's making. */
    secret: Type.Optional(Type.Union([Secret, Type.Null()])),
    active: Type.Optional(Type.Boolean()),
  },
  closed,
);
const Params = Type.Object({ id: Type.Integer({ minimum: 1 }) });
/** The id of a delivery begins with its webhook's. */
const DeliveryParams = Type.Object({ deliveryId: Type.String({ maxLength: 40 }) });
const PageQuery = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 20 })),
  limit: Limit,
});

const tags = ["Webhooks"];
const WebhookShape = Type.Object(
  {
    id: Id,
    url: Type.String(),
    events: Type.Array(Type.String()),
    active: Type.Boolean(),
    disabledReason: Nullable(Type.String()),
    disabledAt: Nullable(Time),
    /** Since when it has taken nothing. */
    failingSince: Nullable(Time),
    createdAt: Time,
    updatedAt: Time,
    /** Shown once, where it has just been set. */
    secret: Type.Optional(Type.String()),
  },
  { title: "Webhook", ...closed },
);
const DeliveryShape = Type.Object(
  {
    id: Type.String(),
    /** The `webhook-id` of all its tries. */
    webhookMessageId: Type.String(),
    type: Type.String(),
    conversationId: Id,
    seq: Type.Integer(),
    status: Type.Union([Type.Literal("pending"), Type.Literal("delivered"), Type.Literal("failed")]),
    attempts: Type.Integer(),
    createdAt: Time,
    lastAttemptAt: Nullable(Time),
    lastStatus: Nullable(Type.Integer()),
    /** The beginning of the answer, or why there was none. */
    lastAnswer: Nullable(Type.String()),
  },
  { title: "WebhookDelivery", ...closed },
);

/** `/api/chat/webhooks`: for whoever runs the server, and services. */
export function webhooksScope(parts: Pick<DialectParts, "door" | "identity">): RouteScope {
  return {
    prefixes: [PATH],
    errorShape: errorEnvelope,
    status: STOMP_STATUS,
    routes: (app) => addRoutes(app, parts),
  };
}

function addRoutes(app: App, { door, identity }: Pick<DialectParts, "door" | "identity">): void {
  const callers = new WeakMap<object, Caller>();
  // Before anything else of the request is looked at.
  app.addHook("onRequest", async ({ raw, headers, query }) => {
    callers.set(raw, await identity.identify({ headers, query }));
  });
  const callerOf = ({ raw }: Pick<FastifyRequest, "raw">): Caller => callers.get(raw) as Caller;

  app.setSerializerCompiler(() => JSON.stringify);

  app.get(
    PATH,
    { schema: { tags, summary: "All webhooks", response: ok(Page(WebhookShape)) } },
    async (request) => {
      const webhooks = await door.answer(callerOf(request), { type: "read-webhooks" });
      return envelope({ items: webhooks.map((webhook) => webhookOf(webhook, null)), nextCursor: null });
    },
  );

  const create = { tags, summary: "A new webhook; its secret is shown in this answer alone" };
  app.post(
    PATH,
    { schema: { ...create, body: CreateBody, response: created(WebhookShape) } },
    async (request, reply) => {
      const { url, events = ["*"], secret = null } = request.body;
      const { webhook, secret: shown } = await door.execute(callerOf(request), {
        type: "create-webhook",
        url,
        events: events as WebhookWish,
        secret,
      });
      return reply.code(201).send(envelope(webhookOf(webhook, shown)));
    },
  );

  const update = {
    tags,
    summary: "What is not named stays; of two secrets the old one signs for a day more",
  };
  const updated = { params: Params, body: UpdateBody, response: ok(WebhookShape) };
  app.put(`${PATH}/:id`, { schema: { ...update, ...updated } }, async (request) => {
    const { url, events, secret, active } = request.body;
    const { webhook, secret: shown } = await door.execute(callerOf(request), {
      type: "update-webhook",
      webhookId: request.params.id,
      ...(url !== undefined && { url }),
      ...(events !== undefined && { events: events as WebhookWish }),
      ...(secret !== undefined && { secret }),
      ...(active !== undefined && { enabled: active }),
    });
    return envelope(webhookOf(webhook, shown));
  });

  const remove = { tags, summary: "The webhook and its log", params: Params, response: ok(Type.Null()) };
  app.delete(`${PATH}/:id`, { schema: remove }, async (request) => {
    await door.execute(callerOf(request), { type: "delete-webhook", webhookId: request.params.id });
    return envelope(null);
  });

  app.get(
    `${PATH}/:id/deliveries`,
    {
      schema: {
        tags,
        summary: "What it was told, newest first; forgotten after a week",
        params: Params,
        querystring: PageQuery,
        response: ok(Page(DeliveryShape)),
      },
    },
    async ({ raw, query, params }) => {
      const { deliveries, more } = await door.answer(callerOf({ raw }), {
        type: "read-deliveries",
        webhookId: params.id,
        before: query.cursor === undefined ? null : numberOf(query.cursor, "cursor"),
        limit: limitOf(query),
      });
      const last = deliveries.at(-1);
      return envelope({
        items: deliveries.map(deliveryOf),
        nextCursor: more && last !== undefined ? String(last.id) : null,
      });
    },
  );

  const replay = async (request: FastifyRequest<{ Params: { deliveryId: string } }>) => {
    const [webhookId = "", id = ""] = request.params.deliveryId.split("-", 2);
    await door.execute(callerOf(request), {
      type: "replay-delivery",
      webhookId: numberOf(webhookId, "id"),
      deliveryId: numberOf(id, "id"),
    });
    return envelope(null);
  };
  for (const url of [
    `${PATH}/deliveries/:deliveryId/replay`,
    `${PATH}/:webhookId/deliveries/:deliveryId/replay`,
  ]) {
    app.route({
      method: "POST",
      url,
      schema: {
        tags,
        summary: "Tries a delivery again, whatever became of it",
        params: DeliveryParams,
        response: ok(Type.Null()),
      },
      handler: (request) => replay(request as never),
    });
  }
}

function webhookOf(webhook: Webhook, secret: string | null): Static<typeof WebhookShape> {
  const { id, url, events, createdAt, updatedAt, disabledAt, disabledReason, failingSince } = webhook;
  return {
    id,
    url,
    events: [...events],
    active: disabledAt === null,
    disabledReason,
    disabledAt: timeOrNull(disabledAt),
    failingSince: timeOrNull(failingSince),
    createdAt: timeOf(createdAt),
    updatedAt: timeOf(updatedAt),
    ...(secret !== null && { secret }),
  };
}

function deliveryOf(delivery: WebhookDelivery): Static<typeof DeliveryShape> {
  const { id, webhookId, eventId, eventType, conversationId, seq, state, attempts } = delivery;
  return {
    id: `${webhookId}-${id}`,
    webhookMessageId: `msg_${eventId}`,
    type: eventType,
    conversationId,
    seq,
    status: state,
    attempts,
    createdAt: timeOf(delivery.createdAt),
    lastAttemptAt: timeOrNull(delivery.lastAt),
    lastStatus: delivery.lastStatus,
    lastAnswer: delivery.lastAnswer,
  };
}

function numberOf(text: string, what: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new Refusal("invalid", `The ${what} is not one of ours`);
}
