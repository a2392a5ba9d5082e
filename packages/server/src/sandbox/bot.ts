import { RETRYABLE, Refusal } from "@parlance/protocol/errors.ts";
import type { Event } from "@parlance/protocol/events.ts";
import type { Message } from "@parlance/protocol/model.ts";
import { BOT_USER_ID } from "@parlance/protocol/user-id.ts";
import type { Door } from "../core/door.ts";
import type { Log } from "../core/ports/log.ts";
import type { Listen, Listening } from "../delivery/listen.ts";
import type { Outlet } from "../delivery/outlet.ts";
import { answerTo } from "./lines.ts";
import { BOT, say } from "./sandbox.ts";

const LEAST_WAIT_MS = 3_000;
const WAIT_RANGE_MS = 2_000;
const RETRY_MS = 1_000;
/** Answers under way; to messages beyond that none is given. */
const MAX_WAITING = 1_000;
/** Conversations that are looked through for what was not answered while nobody listened. */
const MAX_LOOKED_THROUGH = 100;

export interface Bot {
  /** Listens from now on, if it does not yet. */
  begin(): Promise<void>;
  /** Begins where there already is something to listen to. */
  wake(): Promise<void>;
  stop(): void;
}

/**
 * Answers in the chats it has made, each message once: the key of an answer is made from the message, so that a
 * restart and other processes come to the same one.
 */
export function createBot(parts: { readonly door: Door; readonly listen: Listen; readonly log: Log }): Bot {
  const { door, log } = parts;
  const waiting = new Set<NodeJS.Timeout>();
  let listening: Promise<Listening> | null = null;
  let isStopped = false;

  const chats = async (limit: number) =>
    (await door.answer(BOT, { type: "read-inbox", userId: BOT_USER_ID, limit, after: null })).entries;

  const later = (ms: number, work: () => void): void => {
    if (isStopped) return;
    const timer = setTimeout(() => {
      waiting.delete(timer);
      work();
    }, ms);
    waiting.add(timer);
  };

  const hear = ({ id, conversationId, senderId, type }: Message): void => {
    if (senderId === BOT_USER_ID || type === "system" || waiting.size >= MAX_WAITING) return;
    const wait = LEAST_WAIT_MS + Math.random() * WAIT_RANGE_MS;
    later(wait, () => void answer(conversationId, id));
  };

  const answer = async (conversationId: number, messageId: number): Promise<void> => {
    try {
      const [entry] = await door.answer(BOT, { type: "read-entries", conversationIds: [conversationId] });
      if (entry?.head.conversation.createdBy !== BOT_USER_ID) return;
      await say(door, conversationId, `bot-${messageId}`, answerTo(messageId));
    } catch (error) {
      if (error instanceof Refusal && RETRYABLE[error.code]) {
        later(RETRY_MS, () => void answer(conversationId, messageId));
      } else log.warn({ error }, "the bot could not answer");
    }
  };

  const outlet: Outlet = {
    codec: {
      events(events: readonly Event[]) {
        for (const event of events) if (event.type === "message.stored") hear(event.message);
        return null;
      },
      signal: () => null,
      position: () => null,
    },
    interest: null,
    write() {},
    buffered: 0,
    drained: async () => {},
    end() {
      const ended = listening;
      listening = null;
      void ended?.then(close, () => {});
      again();
    },
  };

  const again = (): void => {
    later(RETRY_MS, () => void bot.begin().catch(again));
  };

  const start = async (): Promise<Listening> => {
    const started = await parts.listen(BOT, outlet);
    started.session.release();
    try {
      // What was said while nobody listened.
      for (const { lastMessage } of await chats(MAX_LOOKED_THROUGH))
        if (lastMessage !== null) hear(lastMessage);
    } catch (error) {
      started.close();
      throw error;
    }
    return started;
  };

  const bot: Bot = {
    async begin() {
      if (isStopped) return;
      listening ??= start().catch((error: unknown) => {
        listening = null;
        throw error;
      });
      await listening;
    },
    async wake() {
      if ((await chats(1)).length > 0) await bot.begin();
    },
    stop() {
      isStopped = true;
      for (const timer of waiting) clearTimeout(timer);
      void listening?.then(close, () => {});
    },
  };
  return bot;
}

const close = (listening: Listening): void => listening.close();
