import type { SetStatus, SetTyping } from "@parlance/protocol/commands.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayType } from "../policy.ts";

export async function setTyping(
  { standings, typing, users }: Pick<Parts, "standings" | "typing" | "users">,
  caller: Caller,
  { conversationId, typing: isTyping }: SetTyping,
): Promise<undefined> {
  const id = actingUser(caller);
  if (mayType(standings.recall(conversationId, id) ?? null) !== null) {
    const refusal = mayType(await standings.read(conversationId, id));
    if (refusal !== null) throw refusal;
  }
  typing.set(conversationId, { id, name: await users.arrive(caller) }, isTyping);
}

export async function setStatus(
  { presence }: Pick<Parts, "presence">,
  caller: Caller,
  { status }: SetStatus,
  accepted?: () => void,
): Promise<undefined> {
  const storing = presence.setStatus(actingUser(caller), status);
  // One that comes soon after another is stored only when its time has come; nothing else waits for that.
  accepted?.();
  await storing;
}
