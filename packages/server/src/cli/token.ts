import { isDisplayName, isUserId } from "@parlance/protocol/user-id.ts";
import { duration } from "../config/kinds.ts";
import type { Config } from "../config.ts";
import { StartupError } from "../core/ports/startup-error.ts";
import { readOpenSecret } from "../http/open-secret.ts";
import { mintToken } from "../http/token.ts";

const TTL = duration(365 * 86_400);
export const DEFAULT_TTL = "24h";

/** A token for `user`, signed with the secret that the open-mode server on this data directory checks with. */
export async function makeToken(
  { mode, dataDir }: Pick<Config, "mode" | "dataDir">,
  user: string | undefined,
  name: string | null,
  ttl: string,
): Promise<string> {
  if (mode !== "open") {
    throw new StartupError("parlance token: in jwt mode tokens come from whoever holds the configured key");
  }
  if (!isUserId(user)) {
    throw new StartupError(
      "parlance token: expected a user id of 1 to 128 characters without control characters",
    );
  }
  if (name !== null && !isDisplayName(name)) {
    throw new StartupError("--name: expected 1 to 128 characters without control characters");
  }
  const seconds = TTL.parse(ttl);
  if (seconds === undefined) throw new StartupError(`--ttl: expected ${TTL.expected}`);
  const secret = await readOpenSecret(dataDir);
  if (secret === null) {
    throw new StartupError(
      `parlance token: no server has been started on DATA_DIR ${JSON.stringify(dataDir)} yet`,
    );
  }
  return mintToken(secret, { id: user, name }, seconds, Date.now());
}
