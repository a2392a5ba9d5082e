import type { SendMessage, Stored } from "@parlance/protocol/commands.ts";
import type { Door } from "../../src/core/door.ts";
import { asUser } from "./door.ts";

/** Sends a text through the door. */
export function say(
  door: Door,
  conversationId: number,
  senderId: string,
  content: string,
  over: Partial<SendMessage> = {},
): Promise<Stored> {
  return door.execute(asUser(senderId), {
    type: "send-message",
    conversationId,
    senderId,
    idempotencyKey: null,
    messageType: "text",
    content,
    parentId: null,
    metadata: null,
    clientTime: null,
    ...over,
  });
}
