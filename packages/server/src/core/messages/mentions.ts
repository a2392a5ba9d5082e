import type { Called, Reader } from "../ports/reader.ts";

/** What follows this many `@`s is looked at, and as many people are named by one message at most. */
const MAX_MENTIONS = 50;
/** A name ends where a word does; of its possible ends so many are looked at. */
const MAX_ENDS = 8;
const MAX_NAME_LENGTH = 128;

/** `@[id]`, or `@` and something that may be a name; not within a word, as in an address of e-mail. */
const WRITTEN = /(?<![\p{L}\p{M}\p{N}_@])@(?:\[([^\]\n]{1,128})\]|(?=[\p{L}\p{M}\p{N}_]))/gu;
const END_OF_WORD = /(?<=[^\s])(?![\p{L}\p{M}\p{N}_])/gu;

/** One place where somebody may be named: by id, or by one of these names, the longest first. */
type Written = { readonly id: string } | { readonly names: readonly string[] };

/**
 * The participants that a content names, each once, in the order of their places: `@[id]`, or `@name` in any case (who
 * has no name goes by their id). Where several names fit the longest counts; who share that name are all named.
 * A content without an `@` asks nothing of the store. `undefined`: nobody.
 */
export async function mentionsIn(
  reader: Pick<Reader, "called">,
  conversationId: number,
  content: string,
): Promise<readonly string[] | undefined> {
  if (!content.includes("@")) return undefined;
  const written = placesIn(content);
  if (written.length === 0) return undefined;
  const ids = written.flatMap((one) => ("id" in one ? one.id : []));
  const names = [...new Set(written.flatMap((one) => ("id" in one ? [] : one.names)))];
  const called = await reader.called(conversationId, { ids, names });
  const found = new Set(written.flatMap((one) => named(one, called)));
  return found.size === 0 ? undefined : [...found].slice(0, MAX_MENTIONS);
}

function named(written: Written, called: readonly Called[]): readonly string[] {
  if ("id" in written) {
    return called.some(({ userId, name }) => name === null && userId === written.id) ? [written.id] : [];
  }
  for (const wished of written.names) {
    const people = called.filter(({ name }) => name === wished).map(({ userId }) => userId);
    if (people.length > 0) return people.sort();
  }
  return [];
}

function placesIn(content: string): Written[] {
  const places: Written[] = [];
  for (const match of content.matchAll(WRITTEN)) {
    if (places.length === MAX_MENTIONS) break;
    if (match[1] !== undefined) places.push({ id: match[1] });
    else places.push({ names: namesAt(content, match.index + 1) });
  }
  return places;
}

/** What stands there, up to each end of a word in the same line, the longest first. */
function namesAt(content: string, start: number): string[] {
  const rest = (content.slice(start, start + MAX_NAME_LENGTH).split("\n", 1)[0] as string).toWellFormed();
  const names: string[] = [];
  for (const { index } of rest.matchAll(END_OF_WORD)) {
    if (names.length === MAX_ENDS) break;
    names.unshift(rest.slice(0, index));
  }
  return names;
}
