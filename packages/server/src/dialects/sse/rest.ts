import { Refusal } from "@parlance/protocol/errors.ts";
import type { Message } from "@parlance/protocol/model.ts";
import type {
  HistoryPage,
  InboxEntry,
  InboxPage,
  ReadHistory,
  ReadInbox,
} from "@parlance/protocol/queries.ts";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Door } from "../../core/door.ts";
import type { App } from "../../http/app.ts";
import { idempotencyKeyOf } from "../../http/header-text.ts";
import type { RouteScope } from "../../http/scopes.ts";
import type { ErrorShape } from "../../http/status.ts";
import type { DialectParts } from "../dialect.ts";
import { conversationOf } from "../spelled-ids.ts";
import { type Person, personOf, type Sandbox } from "./caller.ts";
import { chatShape, isShown, messageShape } from "./shapes.ts";

const RECENT_MESSAGES = 100;
/** The document has no pages: of more chats than this the most recent ones are listed. */
const MAX_CHATS = 1_000;
const CHATS_AT_ONCE = 200;

const ChatPath = Type.Object({ chat_id: Type.String() });
const MessageBody = Type.Object({ text: Type.String() });

export const errorShape: ErrorShape = ({ message }) => ({ error: message });

export function restScope(parts: DialectParts, sandbox: Sandbox | null): RouteScope {
  return {
    prefixes: ["/chats", "/events"],
    errorShape,
    routes: (app) => addRoutes(app, parts, sandbox),
  };
}

function addRoutes(app: App, { door, identity }: DialectParts, sandbox: Sandbox | null): void {
  const callerOf = ({ headers, query }: FastifyRequest): Promise<Person> =>
    personOf(identity, sandbox, { headers, query });

  app.get("/chats", async (request) => {
    const caller = await callerOf(request);
    return (await chatsOf(door, caller)).map((entry) => chatShape(entry, caller.userId));
  });

  app.get("/chats/:chat_id/messages", { schema: { params: ChatPath } }, async (request) => {
    const caller = await callerOf(request);
    return (await recentMessages(door, caller, conversationOf(request.params.chat_id, "chat_id"))).map(
      messageShape,
    );
  });

  app.post(
    "/chats/:chat_id/messages",
    { schema: { params: ChatPath, body: MessageBody } },
    async (request) => {
      const caller = await callerOf(request);
      const conversationId = conversationOf(request.params.chat_id, "chat_id");
      const stored = await door.execute(caller, {
        type: "send-message",
        conversationId,
        senderId: caller.userId,
        idempotencyKey: keyOf(request),
        messageType: "text",
        content: request.body.text,
        parentId: null,
        metadata: null,
        clientTime: null,
      });
      // As it is now: of a repeat, the original, which may have been edited since.
      const reference = { id: stored.id };
      return messageShape(await door.answer(caller, { type: "find-message", conversationId, reference }));
    },
  );
}

async function chatsOf(door: Door, caller: Person): Promise<readonly InboxEntry[]> {
  const entries: InboxEntry[] = [];
  let after: ReadInbox["after"] = null;
  do {
    const page: InboxPage = await door.answer(caller, {
      type: "read-inbox",
      userId: caller.userId,
      list: "all",
      limit: CHATS_AT_ONCE,
      after,
    });
    entries.push(...page.entries);
    after = page.next;
  } while (after !== null && entries.length < MAX_CHATS);
  return entries;
}

/** Oldest first. */
async function recentMessages(
  door: Door,
  caller: Person,
  conversationId: number,
): Promise<readonly Message[]> {
  const newestFirst: Message[] = [];
  let before: ReadHistory["before"] = null;
  do {
    const limit = RECENT_MESSAGES - newestFirst.length;
    const page: HistoryPage = await door.answer(caller, {
      type: "read-history",
      conversationId,
      before,
      limit,
    });
    newestFirst.push(...page.messages.filter(isShown));
    const last = page.messages.at(-1);
    before = page.more && last !== undefined ? { id: last.id } : null;
  } while (before !== null && newestFirst.length < RECENT_MESSAGES);
  return newestFirst.toReversed();
}

function keyOf({ headers }: FastifyRequest): string {
  const key = idempotencyKeyOf(headers);
  if (key === null || key === "") throw new Refusal("invalid", "The Idempotency-Key header is required");
  return key;
}
