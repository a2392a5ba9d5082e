import { Refusal } from "@parlance/protocol/errors.ts";

/** Deeper nesting is refused: whoever walks or prints a value later may do so by recursion. */
const MAX_DEPTH = 64;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

interface Level {
  /** The keys seen in this object; null in a list. */
  readonly keys: Set<string> | null;
  /** The key whose value this level is. */
  readonly under: string | null;
  /** The latest key: the one whose value comes next. */
  key: string | null;
}

/**
 * Reads JSON and refuses (`invalid`) what JSON.parse would let pass: an object that names a key twice,
 * nesting over 64 levels, and the two ways to reach a prototype (`__proto__`, `constructor.prototype`).
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal("invalid", "The body is not valid JSON");
  }
  checkKeysAndDepth(text);
  return value;
}

/** Walks a text that is known to be valid JSON, so only strings and brackets need looking at. */
function checkKeysAndDepth(text: string): void {
  const levels: Level[] = [];
  let level: Level | undefined;
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
      case 0x5b: {
        // [
        const isObject = text.charCodeAt(at) === 0x7b;
        if (levels.length === MAX_DEPTH)
          throw new Refusal("invalid", `The body is nested over ${MAX_DEPTH} levels`);
        level = { keys: isObject ? new Set() : null, under: level?.key ?? null, key: null };
        levels.push(level);
        expectsKey = isObject;
        break;
      }
      case 0x7d: // }
      case 0x5d: // ]
        levels.pop();
        level = levels.at(-1);
        expectsKey = false;
        break;
      case 0x2c: // ,
        expectsKey = level?.keys !== null;
        break;
      case QUOTE: {
        const end = endOfString(text, at);
        if (expectsKey && level !== undefined) {
          noteKey(level, JSON.parse(text.slice(at, end + 1)) as string);
          expectsKey = false;
        }
        at = end;
        break;
      }
    }
  }
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
  return slashes % 2 === 1;
}

function noteKey(level: Level, key: string): void {
  if (key === "__proto__" || (key === "prototype" && level.under === "constructor")) {
    throw new Refusal("invalid", `The body has the key ${key}, which is never ours`);
  }
  if (level.keys!.has(key)) throw new Refusal("invalid", "The body names a key twice in one object");
  level.keys!.add(key);
  level.key = key;
}
