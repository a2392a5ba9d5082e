import type { SendMessage } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Metadata } from "@parlance/protocol/model.ts";
import { type Static, Type } from "typebox";
import { readMessageId, Spelled } from "./ids.ts";
import { Nullable } from "./shapes/common.ts";
import { MessageType } from "./shapes/messages.ts";

/** The document's SendMessageRequest, but for where it is sent to: a path says that, or the body. */
export const SendRequest = Type.Object(
  {
    content: Type.Optional(Nullable(Type.String())),
    messageType: Type.Optional(Nullable(MessageType)),
    parentMessageId: Type.Optional(Nullable(Spelled)),
    attachmentIds: Type.Optional(Nullable(Type.Array(Type.String()))),
    metadata: Type.Optional(Nullable(Type.Record(Type.String(), Type.Unknown()))),
    /** Given back to the sender, and nothing else. */
    tempId: Type.Optional(Nullable(Type.String({ maxLength: 255 }))),
    idempotencyKey: Type.Optional(Nullable(Type.String())),
  },
  { title: "SendRequest" },
);
export type SendRequest = Static<typeof SendRequest>;

/** @param key from outside the body, where it may stand as well */
export function readSend(
  request: SendRequest,
  to: { readonly conversationId: number; readonly senderId: string; readonly key: string | null },
): SendMessage {
  const { messageType = null, parentMessageId = null, metadata = null } = request;
  if (messageType === "SYSTEM") throw new Refusal("invalid", "messageType must be TEXT, IMAGE or FILE");
  return {
    type: "send-message",
    conversationId: to.conversationId,
    senderId: to.senderId,
    idempotencyKey: to.key ?? request.idempotencyKey ?? null,
    messageType: messageType === null ? null : TYPES[messageType],
    content: request.content ?? "",
    parentId: parentMessageId === null ? null : readMessageId(parentMessageId),
    metadata: metadata as Metadata | null,
    attachmentIds: request.attachmentIds ?? [],
    clientTime: null,
  };
}

const TYPES = { TEXT: "text", IMAGE: "image", FILE: "file" } as const;
