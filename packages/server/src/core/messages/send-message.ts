import { hash } from "node:crypto";
import type { SendMessage, Stored } from "@parlance/protocol/commands.ts";
import type { ParentPreview } from "@parlance/protocol/model.ts";
import { findFiles, sendWithFiles, typeOfFiles } from "../attachments/attach.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { mayAttach, maySend, maySendAs, mayTakePart } from "../policy.ts";
import type { Draft } from "../ports/message-log.ts";
import { checkContent, checkKey, checkMetadata } from "./content.ts";
import { mentionsIn } from "./mentions.ts";
import { repliedTo } from "./reply.ts";

export type SendParts = Pick<
  Parts,
  "reader" | "ids" | "users" | "standings" | "messageLimit" | "contentLimits"
>;

/** Stores a message once, however often it is sent under its key. */
export function sendMessage(
  parts: SendParts & Pick<Parts, "writer" | "attachments">,
  caller: Caller,
  command: SendMessage,
  accepted?: () => void,
): Promise<Stored> {
  if (filesOf(command).length > 0) return sendFiles(parts, caller, command);
  return giveDraft(parts, caller, command, (draft) => {
    const storing = parts.writer.send(draft, command.origin);
    accepted?.();
    return storing;
  });
}

async function sendFiles(
  parts: SendParts & Pick<Parts, "writer" | "attachments">,
  caller: Caller,
  command: SendMessage,
): Promise<Stored> {
  const ids = filesOf(command);
  const files = await findFiles(parts, ids);
  return await giveDraft(parts, caller, command, async (draft) => {
    const type = command.messageType ?? typeOfFiles(files);
    const { message, duplicate } = await sendWithFiles(
      parts,
      { ...draft, type },
      {
        ids,
        origin: command.origin,
        async decide(standing) {
          const refusal = maySend(standing, command.parentId !== null) ?? mayAttach(standing, files);
          return refusal === null || (await isRepeat(parts, command)) ? null : refusal;
        },
      },
    );
    const { conversationId, id, seq, createdAt } = message;
    return { conversationId, id, seq, at: createdAt, duplicate };
  });
}

/** Refuses what may not be said, whoever is in the conversation. */
export function checkMessage(
  { contentLimits }: Pick<Parts, "contentLimits">,
  caller: Caller,
  {
    senderId,
    content,
    idempotencyKey,
    metadata,
    attachmentIds,
  }: Pick<SendMessage, "senderId" | "content" | "idempotencyKey" | "metadata" | "attachmentIds">,
): void {
  const foreign = maySendAs(caller, senderId);
  if (foreign !== null) throw foreign;
  checkContent(content, contentLimits, (attachmentIds?.length ?? 0) > 0);
  if (idempotencyKey !== null) checkKey(idempotencyKey);
  if (metadata !== null) checkMetadata(metadata, contentLimits);
}

/** Makes the draft of a message that policy accepts, and gives it to whoever keeps it. */
export async function giveDraft<Kept extends { readonly duplicate: boolean }>(
  parts: SendParts,
  caller: Caller,
  command: SendMessage,
  give: (draft: Draft) => Promise<Kept>,
): Promise<Kept> {
  const { conversationId, senderId, idempotencyKey, parentId, content, metadata } = command;
  checkMessage(parts, caller, command);

  const sender: Caller = caller.userId === null ? { ...caller, userId: senderId } : caller;
  // What is known is not waited for: with thousands a second each turn of the microtask queue shows.
  const arrival = parts.users.arrive(sender);
  const senderName = arrival instanceof Promise ? await arrival : arrival;
  const isReply = parentId !== null;
  const recalled = parts.standings.recall(conversationId, senderId);
  let parent: ParentPreview | null = null;
  // What a reply may name is asked of the store: it is a refusal that hangs on when the sender joined.
  if (isReply || recalled === undefined || maySend(recalled, isReply) !== null) {
    const standing = await parts.standings.read(conversationId, senderId);
    const out = mayTakePart(standing);
    if (out !== null || standing === null) throw out;
    try {
      const refusal = maySend(standing, isReply);
      if (refusal !== null) throw refusal;
      if (isReply) parent = await repliedTo(parts.reader, standing, parentId);
    } catch (refusal) {
      // What was stored once is answered as it was, whatever has become of its parent or of the settings since.
      if (!(await isRepeat(parts, command))) throw refusal;
    }
  }
  let paid = true;
  try {
    const taking = parts.messageLimit.take(caller);
    if (taking !== undefined) await taking;
  } catch (refusal) {
    if (!(await isRepeat(parts, command))) throw refusal;
    paid = false;
  }
  const mentions = content.includes("@")
    ? await mentionsIn(parts.reader, conversationId, content)
    : undefined;
  const id = parts.ids.message();

  const draft: Draft = {
    id: id instanceof Promise ? await id : id,
    conversationId,
    senderId,
    senderName,
    senderAvatarUrl: parts.users.avatarOf(senderId),
    idempotencyKey,
    contentHash: idempotencyKey === null ? null : hashOf(command),
    type: command.messageType ?? "text",
    content,
    parentId,
    parent,
    ...(mentions !== undefined && { mentions }),
    metadata,
    clientTime: command.clientTime,
  };
  const kept = await give(draft);
  if (kept.duplicate && paid) parts.messageLimit.refund(caller);
  return kept;
}

/** Repeats of a key are free, so that a client that must repeat itself is never locked out of doing so. */
async function isRepeat(
  { reader }: Pick<Parts, "reader">,
  { conversationId, senderId, idempotencyKey }: SendMessage,
): Promise<boolean> {
  if (idempotencyKey === null) return false;
  const earlier = await reader.messagesByKey(conversationId, idempotencyKey);
  return earlier.some((message) => message.senderId === senderId);
}

const NONE: readonly string[] = [];
const filesOf = ({ attachmentIds }: SendMessage): readonly string[] => attachmentIds ?? NONE;

const HASH_DIGITS = 12;

/** 48 bits over everything that is the content; the client's own time is not. */
function hashOf(command: SendMessage): number {
  const { messageType, content, parentId, metadata } = command;
  const files = filesOf(command).length === 0 ? "" : `\0${filesOf(command).join()}`;
  const rest = parentId === null && metadata === null ? "" : `\0${parentId}\0${JSON.stringify(metadata)}`;
  // What the files make it stays out: a repeat may come when they are gone.
  const type = messageType ?? (files === "" ? "text" : "");
  // As hex: making a buffer of it takes three times as long as the hash.
  return Number.parseInt(hash("sha256", `${type}\0${content}${rest}${files}`).slice(0, HASH_DIGITS), 16);
}
