import { readId } from "@parlance/protocol/ids.ts";
import type { Told } from "../socketio/client.ts";
import type { Heard } from "./client.ts";

/** What is heard where the names of events are all that differs, in socketio and websocket; nothing of any other event. */
export function heardOf(
  { event, payload }: Told,
  names: { readonly message: string; readonly update: string },
): Heard[] {
  if (event === names.message) return [messageOf("message", payload)];
  if (event === names.update) return [messageOf("update", payload)];
  return [];
}

export function messageOf(kind: Heard["kind"], message: Told["payload"]): Heard {
  return {
    kind,
    conversationId: readId("conversation", message.conversation_id) as number,
    id: readId("message", message.id) as number,
    seq: message.seq,
    senderId: message.sender_id,
    content: message.content,
    // Epoch milliseconds or RFC 3339, and in one of the dialects only where it is deleted.
    deleted: (message.deleted_at ?? null) !== null,
  };
}

/** Up to the last position: what came after it counts as never told, for it comes again. */
export function covered<T extends Told>(told: readonly T[]): readonly T[] {
  return told.slice(0, told.findLastIndex(({ payload }) => typeof payload?.position === "string") + 1);
}
