import { Type } from "typebox";
import type { Caller } from "../../../core/caller.ts";
import type { App } from "../../../http/app.ts";
import { envelope } from "../envelope.ts";
import { readConversationId } from "../ids.ts";
import { ChatMessage } from "../shapes/messages.ts";
import { ConversationParams } from "./conversations.ts";
import { readCursor, spellCursor } from "./cursors.ts";
import { ok, Page } from "./replies.ts";
import { limitOf, PageQuery } from "./request.ts";
import type { Rest } from "./rest.ts";

const tags = ["Messages"];
const SearchQuery = Type.Object({ ...PageQuery.properties, query: Type.String() });
const description =
  "All of the words, in any order, whatever their case and accents; words in double quotes as they follow one another; the last word may be unfinished. A message is found within two seconds.";

/** What was said, by its words. */
export function addSearch(app: App, { door, show, callerOf }: Rest): void {
  const search = async (
    caller: Caller,
    conversationId: number | null,
    query: Type.Static<typeof SearchQuery>,
  ) => {
    const place = readCursor(query.cursor, "number", "number", "number");
    const { messages, next } = await door.answer(caller, {
      type: "search-messages",
      conversationId,
      text: query.query,
      before: place === null ? null : { at: place[0], conversationId: place[1], seq: place[2] },
      limit: limitOf(query),
    });
    return envelope({
      items: await show.messages(caller, messages),
      nextCursor: next === null ? null : spellCursor(next.at, next.conversationId, next.seq),
    });
  };

  app.get(
    "/api/chat/search",
    {
      schema: {
        tags,
        summary: "Messages with these words in all of the caller's conversations, newest first",
        description,
        querystring: SearchQuery,
        response: ok(Page(ChatMessage)),
      },
    },
    (request) => search(callerOf(request), null, request.query),
  );

  app.get(
    "/api/chat/conversations/:id/messages/search",
    {
      schema: {
        tags,
        summary: "Messages of a conversation with these words, newest first",
        description,
        params: ConversationParams,
        querystring: SearchQuery,
        response: ok(Page(ChatMessage)),
      },
    },
    (request) => search(callerOf(request), readConversationId(request.params.id), request.query),
  );
}
