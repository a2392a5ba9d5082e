import { spellUuid } from "@parlance/protocol/ids.ts";
import { plainText } from "@parlance/protocol/plain-text.ts";
import type { CountedPage } from "@parlance/protocol/queries.ts";
import type { ErrorShape } from "../../http/status.ts";

export const PATH = "/api/v1/messages";

/** The document's own words for its one error that is no "Invalid request". */
export const BOTH_REQUIRED = "Both user1 and user2 query parameters are required";

export const errorShape: ErrorShape = ({ status, message }) => ({
  error: status === 400 && message !== BOTH_REQUIRED ? `Invalid request: ${message}` : message,
});

/** A message as the document has it, in its order, then what it does not know of. */
export function messageShape(
  { message, state }: CountedPage["messages"][number],
  [user1, user2]: readonly [string, string],
) {
  return {
    message_id: spellUuid("message", message.id),
    sender_id: message.senderId,
    receiver_id: message.senderId === user1 ? user2 : user1,
    content: plainText(message),
    timestamp: new Date(message.createdAt).toISOString(),
    read: state === "read",
    deleted: message.deletedAt !== null,
    edited_at: message.editedAt === null ? null : new Date(message.editedAt).toISOString(),
    seq: message.seq,
    rev: message.rev,
  };
}
