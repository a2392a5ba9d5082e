import { Refusal } from "@parlance/protocol/errors.ts";
import { BOT_USER_ID, SANDBOX_USER_ID } from "@parlance/protocol/user-id.ts";
import type { Caller } from "../core/caller.ts";
import type { Door } from "../core/door.ts";
import type { Bot } from "./bot.ts";
import { CHATS } from "./lines.ts";

export const BOT: Caller = Object.freeze({
  userId: BOT_USER_ID,
  name: "Bot",
  rights: "service",
  expiresAt: null,
});

/**
 * The chats of whoever names nobody.
 * @param bot null: nobody answers in them
 */
export function createSandbox(door: Door, bot: Bot | null): { prepare(): Promise<void> } {
  let prepared: Promise<void> | null = null;

  const make = async (): Promise<void> => {
    for (const [name, hello] of CHATS.toReversed()) {
      const { conversationId } = await door.execute(BOT, {
        type: "open-conversation",
        userIds: [BOT_USER_ID, SANDBOX_USER_ID],
        name,
        idempotencyKey: `sandbox-${name}`,
      });
      await say(door, conversationId, "sandbox-hello", hello);
    }
    await bot?.begin();
  };

  return {
    /** Resolves when they are there. Made once, in whatever race; where that fails, the next one tries again. */
    prepare() {
      prepared ??= make().catch((error: unknown) => {
        prepared = null;
        throw error;
      });
      return prepared;
    },
  };
}

/** Says something once under its key; where that was used for other words before, those stand. */
export async function say(
  door: Door,
  conversationId: number,
  idempotencyKey: string,
  content: string,
): Promise<void> {
  try {
    await door.execute(BOT, {
      type: "send-message",
      conversationId,
      senderId: BOT_USER_ID,
      idempotencyKey,
      messageType: "text",
      content,
      parentId: null,
      metadata: null,
      clientTime: null,
    });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "key_reused") throw error;
  }
}
