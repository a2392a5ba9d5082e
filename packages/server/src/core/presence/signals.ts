import type { RefreshDevice, ReportDevice, SetStatus, SetTyping } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
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
  { presence, users }: Pick<Parts, "presence" | "users">,
  caller: Caller,
  { status }: SetStatus,
  accepted?: () => void,
): Promise<undefined> {
  const arrival = users.arrive(caller);
  if (arrival instanceof Promise) await arrival;
  const storing = presence.setStatus(actingUser(caller), status);
  // One that comes soon after another is stored only when its time has come; nothing else waits for that.
  accepted?.();
  await storing;
}

export async function reportDevice(
  { presence }: Pick<Parts, "presence">,
  caller: Caller,
  { sessionId, online, deviceType }: ReportDevice,
): Promise<undefined> {
  if (deviceType !== undefined && deviceType !== null && !DEVICE_TYPE.test(deviceType)) {
    throw new Refusal("invalid", "A device type is a word of up to 32 letters, digits and - _ .");
  }
  presence.report(actingUser(caller), sessionId, { online, ...(deviceType !== undefined && { deviceType }) });
}

/** Others see it: nothing that could be a text. */
const DEVICE_TYPE = /^[A-Za-z0-9._-]{1,32}$/;

export async function refreshDevice(
  { presence }: Pick<Parts, "presence">,
  caller: Caller,
  { sessionId }: RefreshDevice,
): Promise<undefined> {
  presence.refresh(actingUser(caller), sessionId);
}
