import { createHash } from "node:crypto";
import type { OpenConversation, Opened } from "@parlance/protocol/commands.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import { type ConversationSettings, DEFAULT_SETTINGS } from "@parlance/protocol/model.ts";
import type { Caller } from "../caller.ts";
import { doneOf } from "../change.ts";
import { checkKey } from "../messages/content.ts";
import type { Parts } from "../parts.ts";
import { mayMeet } from "../policy.ts";
import type { Change } from "../ports/message-log.ts";
import { checkFace, checkSettings } from "./settings.ts";

type OpenParts = Pick<
  Parts,
  "reader" | "writer" | "ids" | "users" | "people" | "messageLimit" | "maxParticipants"
>;

const HASH_BYTES = 6;

/**
 * Finds the conversation of an outside name, or the direct one of two people (or of one with itself), or makes it;
 * makes a new group where there are more people or a name. To make one costs as much of the rate limit as a
 * message, to find one nothing.
 */
export async function openConversation(
  parts: OpenParts,
  caller: Caller,
  command: OpenConversation,
): Promise<Opened> {
  const { idempotencyKey, externalRef } = command;
  checkFace(command);
  const settings = checkSettings(command.settings ?? {});
  if (externalRef !== undefined) checkKey(externalRef, "the external reference");
  if (idempotencyKey !== null) checkKey(idempotencyKey);
  const first = caller.userId ?? command.userIds[0];
  const people = [...new Set(first === undefined ? [] : [first, ...command.userIds])];
  if (people.length === 0) throw new Refusal("invalid", "participants must name at least one user");
  if (people.length > parts.maxParticipants) {
    throw new Refusal("invalid", `a conversation has at most ${parts.maxParticipants} participants`);
  }
  await parts.users.arrive(caller);

  const isDirect =
    people.length <= 2 && command.name === null && command.isGroup !== true && externalRef === undefined;
  const pair = isDirect ? pairOf(people) : null;
  if (pair !== null) {
    const existing = await parts.reader.directConversation(pair);
    if (existing !== null) return { conversationId: existing, created: false };
  }
  if (people.length === 2 && pair !== null) {
    const barred = await parts.people.barredFrom([people[0] as string]);
    const refusal = mayMeet(barred.get(people[0] as string)?.includes(people[1] as string) ?? false);
    if (refusal !== null) throw refusal;
  }
  // Before people are met: that may make them.
  await parts.messageLimit.take(caller);
  await parts.users.meet(caller, people);
  const base = await blank(parts);
  const opened = await open(
    parts,
    pair !== null
      ? {
          ...base,
          conversationKind: "direct",
          people: people.map((userId) => ({ userId, role: "member" })),
          pair,
        }
      : {
          ...base,
          by: people[0] as string,
          conversationKind: "group",
          name: command.name,
          description: command.description ?? null,
          avatarUrl: command.avatarUrl ?? null,
          settings: { ...base.settings, ...settings },
          people: people.map((userId, i) => ({ userId, role: i === 0 ? "owner" : "member" })),
          ...(externalRef !== undefined
            ? { externalRef, ref: JSON.stringify(["external", externalRef]), hash: hashOf(people) }
            : idempotencyKey !== null && {
                ref: JSON.stringify(["key", people[0], idempotencyKey]),
                hash: hashOf(people, command, settings),
              }),
        },
  ).catch((error: unknown) => {
    if (externalRef === undefined || !(error instanceof Refusal) || error.code !== "key_reused") throw error;
    throw new Refusal("conflict", "The external reference names a conversation of other people");
  });
  if (!opened.created) parts.messageLimit.refund(caller);
  return opened;
}

/** Under which the direct conversation of two people, or of one with itself, is found. */
export function pairOf(people: readonly string[]): string {
  return JSON.stringify(people.length === 1 ? [...people, ...people] : people.toSorted());
}

type Open = Extract<Change, { readonly kind: "open" }>;

async function blank({
  ids,
}: OpenParts): Promise<Pick<Open, "kind" | "conversationId" | "by" | "asRole" | "name" | "settings">> {
  const conversationId = await ids.conversation();
  return { kind: "open", conversationId, by: null, asRole: null, name: null, settings: DEFAULT_SETTINGS };
}

async function open({ writer }: OpenParts, change: Open): Promise<Opened> {
  const outcome = await writer.change(change);
  if ("stale" in outcome) throw new Refusal("internal", "A new conversation cannot be stale");
  const { conversationId, changed } = doneOf(outcome);
  return { conversationId: conversationId as number, created: changed };
}

/** Over the people, and whatever else must be the same for the same name to find it. */
function hashOf(
  people: readonly string[],
  { name = null, description = null, avatarUrl = null }: Partial<OpenConversation> = {},
  settings: Partial<ConversationSettings> = {},
): number {
  const given = Object.entries(settings).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([name, people.toSorted(), description, avatarUrl, given]))
    .digest()
    .readUIntBE(0, HASH_BYTES);
}
