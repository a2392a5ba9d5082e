import type { Changed, SetPreferences } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { Preferences } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../parts.ts";
import { actingUser, mayTakePart } from "../policy.ts";
import type { Standing } from "../ports/reader.ts";
import { tellEntry } from "./tell-entry.ts";

type PreferenceParts = Pick<Parts, "reader" | "people" | "bus">;

const LEVELS: readonly unknown[] = ["all", "mentions", "none"] satisfies Preferences["level"][];

/** How the caller keeps a conversation in their own list. Their other devices are told, nobody else is. */
export async function setPreferences(
  parts: PreferenceParts,
  caller: Caller,
  { conversationId, muted, pinned, archived, level }: SetPreferences,
): Promise<Preferences> {
  const userId = actingUser(caller);
  if (level !== undefined && !LEVELS.includes(level)) {
    throw new Refusal("invalid", "level must be all, mentions or none");
  }
  const wish = {
    ...(muted !== undefined && { muted }),
    ...(pinned !== undefined && { pinned }),
    ...(archived !== undefined && { archived }),
    ...(level !== undefined && { level }),
  };
  if (Object.keys(wish).length === 0) throw new Refusal("invalid", "Nothing to change was given");
  const preferences = await parts.people.setPreferences(conversationId, userId, wish);
  if (preferences === null) throw mayTakePart(null) as Refusal;
  await tellEntry(parts, userId, conversationId);
  return preferences;
}

/** Leaves a direct conversation: it is out of the caller's lists until its next message. */
export async function hideDirect(
  parts: PreferenceParts,
  userId: string,
  { conversationId, clock }: Standing,
): Promise<Changed> {
  const changed = await parts.people.hide(conversationId, userId);
  if (changed) await tellEntry(parts, userId, conversationId);
  return { seq: clock, changed };
}
