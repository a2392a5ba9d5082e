import type { SetStatus, SetTyping } from "@parlance/protocol/commands.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { mayTakePart, mustBeUser } from "../policy.ts";

export async function setTyping(
  { standings, typing, users }: Pick<Parts, "standings" | "typing" | "users">,
  caller: Caller,
  { conversationId, typing: isTyping }: SetTyping,
): Promise<undefined> {
  const nobody = mustBeUser(caller);
  if (nobody !== null) throw nobody;
  const id = caller.userId as string;
  if (mayTakePart(standings.recall(conversationId, id) ?? null) !== null) {
    const refusal = mayTakePart(await standings.read(conversationId, id));
    if (refusal !== null) throw refusal;
  }
  typing.set(conversationId, { id, name: await users.arrive(caller) }, isTyping);
}

export async function setStatus(
  { presence }: Pick<Parts, "presence">,
  caller: Caller,
  { status }: SetStatus,
): Promise<undefined> {
  const nobody = mustBeUser(caller);
  if (nobody !== null) throw nobody;
  await presence.setStatus(caller.userId as string, status);
}
