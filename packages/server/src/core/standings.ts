import type { Caller } from "./caller.ts";
import { type Answer, actingUser, mayRead, mayTakePart } from "./policy.ts";
import type { Reader, Standing } from "./ports/reader.ts";
import { Recent } from "./recent.ts";

const MAX_CONVERSATIONS = 100_000;
/**
 * How long another node's change of settings may go unnoticed here where the bus does not tell of it. Membership does
 * not depend on it: the writing transaction checks that again, and reads ask the store.
 */
const MAX_AGE_MS = 4_000;

/** How people stand in conversations, remembered for what is asked with every message. */
export interface Standings {
  /** As the store has it now. */
  read(conversationId: number, userId: string | null): Promise<Standing | null>;
  /** As it was a moment ago. A refusal must not rest on this: `read` first. */
  recall(conversationId: number, userId: string): Standing | undefined;
  forget(conversationId: number): void;
  /** Something may have changed without being told. */
  forgetAll(): void;
}

export function createStandings(reader: Pick<Reader, "standing">): Standings {
  const recent = new Recent<number, Map<string, Standing>>(MAX_CONVERSATIONS, MAX_AGE_MS);
  return {
    async read(conversationId, userId) {
      const standing = await reader.standing(conversationId, userId);
      if (standing !== null && userId !== null) {
        const byUser = recent.get(conversationId);
        if (byUser !== undefined) byUser.set(userId, standing);
        else recent.set(conversationId, new Map([[userId, standing]]));
      }
      return standing;
    },
    recall: (conversationId, userId) => recent.get(conversationId)?.get(userId),
    forget: (conversationId) => recent.delete(conversationId),
    forgetAll: () => recent.clear(),
  };
}

/** How somebody stands who may read: the store is asked, so that a removal counts at once. Throws policy's refusal. */
export async function readable(
  { standings }: { readonly standings: Standings },
  caller: Caller,
  conversationId: number,
): Promise<Standing> {
  return allowed(await standings.read(conversationId, caller.userId), (standing) =>
    mayRead(caller, standing),
  );
}

/** The same of a user who takes part. */
export async function takingPart(
  { standings }: { readonly standings: Standings },
  caller: Caller,
  conversationId: number,
): Promise<Standing> {
  return allowed(await standings.read(conversationId, actingUser(caller)), mayTakePart);
}

function allowed(standing: Standing | null, may: (standing: Standing | null) => Answer): Standing {
  const refusal = may(standing);
  if (refusal !== null) throw refusal;
  return standing as Standing;
}
