import { SANDBOX_USER_ID } from "@parlance/protocol/user-id.ts";
import { type Caller, namesNobody } from "../../core/caller.ts";
import type { Credentials, Identity } from "../../http/identity.ts";

/** A caller that is somebody. */
export type Person = Caller & { readonly userId: string };

/** Makes the chats of whoever names nobody, on first use. */
export interface Sandbox {
  prepare(): Promise<void>;
}

/**
 * Who calls. The document has no place for an identity: who names nobody in open mode is the user `user`.
 * @param sandbox null in jwt mode
 */
export async function personOf(
  identity: Identity,
  sandbox: Sandbox | null,
  credentials: Pick<Credentials, "headers" | "query">,
): Promise<Person> {
  const caller = await identity.identify(credentials);
  const userId = caller.rights === "operator" ? SANDBOX_USER_ID : caller.userId;
  if (userId === null) throw namesNobody();
  if (userId === SANDBOX_USER_ID) await sandbox?.prepare();
  return caller.rights === "operator" ? { ...caller, rights: "user", userId } : { ...caller, userId };
}
