import type { ErrorCode } from "@parlance/protocol/errors.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Parts } from "./parts.ts";
import type { Answer } from "./policy.ts";
import { mayTakePart } from "./policy.ts";
import type { Change, ChangeOutcome } from "./ports/message-log.ts";
import type { Standing } from "./ports/reader.ts";

export type Done = Extract<ChangeOutcome, { readonly seq: number }>;

/** Standing changes under somebody's feet this often only when something is wrong. */
const TRIES = 5;

const REFUSALS: Readonly<
  Record<Extract<ChangeOutcome, { refused: string }>["refused"], readonly [ErrorCode, string]>
> = {
  not_found: ["not_found", "There is no such message or participant in this conversation"],
  deleted: ["conflict", "The message is deleted"],
  last_owner: ["conflict", "The last owner cannot go while others stay"],
  too_many: ["invalid", "That is more than there may be"],
  no_attachment: ["not_found", "There is no such attachment of yours"],
  attachment_used: ["conflict", "An attachment is part of another message already"],
  key_reused: ["key_reused", "This idempotency key was used with different content"],
};

/**
 * Asks the policy with how the caller stands, then writes under the condition that this is still so; asks again
 * where it is not.
 */
export async function changeUnderPolicy(
  parts: Pick<Parts, "writer" | "standings">,
  conversationId: number,
  userId: string,
  decide: (standing: Standing) => Promise<Answer> | Answer,
  change: (standing: Standing) => Change,
): Promise<Done> {
  for (let tries = 0; tries < TRIES; tries++) {
    const standing = await parts.standings.read(conversationId, userId);
    const refusal = mayTakePart(standing) ?? (await decide(standing as Standing));
    if (refusal !== null) throw refusal;
    const outcome = await parts.writer.change(change(standing as Standing));
    if ("stale" in outcome) continue;
    parts.standings.forget(conversationId);
    return doneOf(outcome);
  }
  throw new Refusal("unavailable", "The conversation changes too fast, try again", 1);
}

export function doneOf(outcome: Exclude<ChangeOutcome, { stale: true }>): Done {
  if ("refused" in outcome) {
    const [code, message] = REFUSALS[outcome.refused];
    throw new Refusal(code, message);
  }
  return outcome;
}
