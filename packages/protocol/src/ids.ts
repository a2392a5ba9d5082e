/**
 * One id, three spellings. A conversation or message has one id, a positive integer below 2^53. Dialects
 * spell it as that number, as a UUID, or as `conv_…` / `msg_…`. The spellings are computed both ways without
 * a look-up and are fixed for ever: ids.test.ts holds golden vectors.
 */
export type IdKind = "conversation" | "message";

/** The id, which the store may still not know; or why a spelling gives none: see `readId`. */
export type ReadId = number | "malformed" | "unknown";

const PREFIX: Readonly<Record<IdKind, string>> = { conversation: "conv_", message: "msg_" };
const KIND_BYTE: Readonly<Record<IdKind, number>> = { conversation: 0xc0, message: 0x30 };

/** 19 is prime and has no common factor with 9 or 10, so one wrong digit or two swapped ones are noticed. */
const CHECK_CHARACTERS = "bcdfghjkmnpqrstvwxz";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** `conv_1042k`: the decimal id and its check character. */
export function spellPrefixed(kind: IdKind, id: number): string {
  return PREFIX[kind] + id + CHECK_CHARACTERS[id % CHECK_CHARACTERS.length];
}

/**
 * A version 8 UUID: 56 bits hold the id, one byte the kind, the rest is a check computed from them, so that
 * a UUID made by anybody else is recognised as one that names nothing.
 */
export function spellUuid(kind: IdKind, id: number): string {
  const high = Math.floor(id / 0x1_0000_0000);
  const low = id % 0x1_0000_0000;
  const check = uuidCheck(KIND_BYTE[kind], high, low);
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  return `${hex(low, 8)}-${hex(check.a & 0xffff, 4)}-8${hex(check.b & 0xfff, 3)}-a${hex(check.c & 0xfff, 3)}-${hex(KIND_BYTE[kind], 2)}${hex(high, 6)}${hex(check.d & 0xffff, 4)}`;
}

/**
 * Reads an id in any of its spellings: a number, its decimal text, a UUID (any case), or a prefixed spelling.
 * `"unknown"` is a well-formed spelling that our scheme did not make (another's UUID, `conv_abc123`, an id of
 * the other kind); `"malformed"` is anything else.
 */
export function readId(kind: IdKind, spelling: unknown): ReadId {
  if (typeof spelling === "number") {
    return Number.isSafeInteger(spelling) && spelling > 0 ? spelling : "malformed";
  }
  if (typeof spelling !== "string" || spelling.length > 64) return "malformed";
  if (/^[1-9][0-9]{0,15}$/.test(spelling)) return safe(Number(spelling));
  const lower = spelling.toLowerCase();
  if (UUID.test(lower)) return readUuid(kind, lower);
  return readPrefixed(kind, spelling);
}

function readPrefixed(kind: IdKind, spelling: string): ReadId {
  const match = /^(conv_|msg_)([1-9][0-9]{0,15})([a-z])$/.exec(spelling);
  if (match === null) return /^(conv|msg)_[\x21-\x7e]+$/.test(spelling) ? "unknown" : "malformed";
  const id = Number(match[2]);
  if (match[1] !== PREFIX[kind] || !Number.isSafeInteger(id)) return "unknown";
  return spellPrefixed(kind, id) === spelling ? id : "unknown";
}

function readUuid(kind: IdKind, uuid: string): ReadId {
  const low = Number.parseInt(uuid.slice(0, 8), 16);
  const high = Number.parseInt(uuid.slice(26, 32), 16);
  const id = high * 0x1_0000_0000 + low;
  if (!Number.isSafeInteger(id) || id === 0) return "unknown";
  return spellUuid(kind, id) === uuid ? id : "unknown";
}

function safe(id: number): ReadId {
  return Number.isSafeInteger(id) ? id : "malformed";
}

/** Whether a text is a spelling that our scheme makes, of either kind: clients may not use such a one as theirs. */
export function isOurSpelling(text: string): boolean {
  return typeof readId("message", text) === "number" || typeof readId("conversation", text) === "number";
}

/** Four 32-bit mixes of the kind and the id (the finaliser of MurmurHash3, run on with different starts). */
function uuidCheck(kind: number, high: number, low: number) {
  const mix = (start: number): number => {
    let h = Math.imul(start ^ kind, 0x9e3779b1) ^ high;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b) ^ low;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    return (h ^ (h >>> 15)) >>> 0;
  };
  return { a: mix(0x1f83d9ab), b: mix(0x5be0cd19), c: mix(0x243f6a88), d: mix(0x13198a2e) };
}
