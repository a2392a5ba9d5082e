import type { MessageType } from "@parlance/protocol/model.ts";
import type { Draft } from "../../../core/ports/message-log.ts";
import { createSeal } from "../../redis/seal.ts";

/** Of the text below: a process that does not know a form leaves what is written in it to one that does. */
const FORM = 1;

const TYPES: readonly MessageType[] = ["text", "image", "file", "location", "system"];

/** How drafts wait: as text, sealed, so that nobody is made to say what somebody else has put into the same Redis. */
export interface Entries {
  write(draft: Draft): string;
  /** Null for what was not written by a process of this installation, or in a form that this one does not know. */
  read(text: string): Draft | null;
}

/** @param secret of all processes of an installation */
export function createEntries(secret: Buffer): Entries {
  const seal = createSeal(secret);
  return {
    write: (draft) => seal.closeText(writeDraft(draft)),
    read(text) {
      const written = seal.openText(text);
      return written === null ? null : readDraft(written);
    },
  };
}

/** Its fields in one order, without their names, which would be half of it. */
function writeDraft(draft: Draft): string {
  return JSON.stringify([
    FORM,
    draft.id,
    draft.conversationId,
    draft.senderId,
    draft.senderName,
    draft.senderAvatarUrl ?? null,
    draft.idempotencyKey,
    draft.contentHash,
    draft.type,
    draft.content,
    draft.parentId,
    draft.metadata,
    draft.clientTime,
    draft.mentions ?? null,
  ]);
}

function readDraft(text: string): Draft | null {
  const fields = parse(text);
  if (!Array.isArray(fields) || fields[0] !== FORM) return null;
  const [, id, conversationId, senderId, senderName, senderAvatarUrl, idempotencyKey, contentHash] = fields;
  const [type, content, parentId, metadata, clientTime, mentions] = fields.slice(8);
  const isWhole =
    isId(id) &&
    isId(conversationId) &&
    typeof senderId === "string" &&
    isTextOrNull(senderName) &&
    isTextOrNull(senderAvatarUrl) &&
    isTextOrNull(idempotencyKey) &&
    (contentHash === null || Number.isSafeInteger(contentHash)) &&
    TYPES.includes(type as MessageType) &&
    typeof content === "string" &&
    (parentId === null || isId(parentId)) &&
    (metadata === null || (typeof metadata === "object" && !Array.isArray(metadata))) &&
    (clientTime === null || Number.isSafeInteger(clientTime)) &&
    (mentions === null || (Array.isArray(mentions) && mentions.every((one) => typeof one === "string")));
  if (!isWhole) return null;
  return {
    id,
    conversationId,
    senderId,
    senderName,
    senderAvatarUrl,
    idempotencyKey,
    contentHash: contentHash as number | null,
    type: type as MessageType,
    content,
    parentId,
    metadata: metadata as Draft["metadata"],
    clientTime: clientTime as number | null,
    ...(mentions !== null && { mentions: mentions as string[] }),
  };
}

/** What tells a message from its repeats, as one text; empty where it has no key. */
export function keyOf({ conversationId, senderId, idempotencyKey }: Draft): string {
  return idempotencyKey === null ? "" : JSON.stringify([conversationId, senderId, idempotencyKey]);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === "string";
