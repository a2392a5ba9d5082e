import { Refusal } from "@parlance/protocol/errors.ts";
import { readId } from "@parlance/protocol/ids.ts";
import { isUserId } from "@parlance/protocol/user-id.ts";
import { Type } from "typebox";

export type SpelledUserId = number | string;

const DECIMAL = /^(0|[1-9][0-9]{0,15})$/;

/** A number where the id is a plain decimal integer below 2^53, as the document has them; any other as it is. */
export function spellUserId(id: string): SpelledUserId {
  if (!DECIMAL.test(id)) return id;
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : id;
}

/** A conversation, message or user as a request names it: a number or a text. */
export const Spelled = Type.Union([Type.Integer(), Type.String()]);
export type Spelled = number | string;

/** Refuses with `invalid` what cannot be a user's id. */
export function readUserId(spelled: Spelled): string {
  const id = String(spelled);
  if (isUserId(id) && (typeof spelled === "string" || Number.isSafeInteger(spelled))) return id;
  throw new Refusal(
    "invalid",
    "A user id must be a number, or 1 to 128 characters without control characters",
  );
}

/** Refuses with `invalid` what is no spelling of an id, and as an unknown conversation what names none. */
export function readConversationId(spelled: Spelled): number {
  const id = readId("conversation", spelled);
  if (id === "malformed") throw new Refusal("invalid", "The conversation id is not valid");
  if (id === "unknown") throw new Refusal("not_participant", "There is no such conversation");
  return id;
}

export function readMessageId(spelled: Spelled): number {
  const id = readId("message", spelled);
  if (id === "malformed") throw new Refusal("invalid", "The message id is not valid");
  if (id === "unknown") throw new Refusal("not_found", "There is no such message");
  return id;
}
