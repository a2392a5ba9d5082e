import { Refusal } from "@parlance/protocol/errors.ts";

type Kind = "number" | "string";
type PartsOf<K extends readonly Kind[]> = {
  -readonly [I in keyof K]: K[I] extends "number" ? number : string;
};

const MAX_LENGTH = 2_000;

/** A place in a list, for the client to give back unread. */
export function spellCursor(...parts: readonly (number | string)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString("base64url");
}

/** Null where none is given; refuses with `invalid` what is not one of such parts. */
export function readCursor<const K extends readonly Kind[]>(
  cursor: string | undefined,
  ...kinds: K
): PartsOf<K> | null {
  if (cursor === undefined) return null;
  const parts = cursor.length > MAX_LENGTH ? null : parse(cursor);
  if (!Array.isArray(parts) || parts.length !== kinds.length) throw notOurs();
  if (!parts.every((part, i) => (kinds[i] === "number" ? isPlace(part) : isText(part)))) throw notOurs();
  return parts as PartsOf<K>;
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return null;
  }
}

const isPlace = (part: unknown): boolean => Number.isSafeInteger(part) && (part as number) >= 0;
/** What the store can be asked for. */
const isText = (part: unknown): boolean =>
  typeof part === "string" && part.isWellFormed() && !part.includes("\0");

const notOurs = (): Refusal => new Refusal("invalid", "cursor is not one of this server's");
