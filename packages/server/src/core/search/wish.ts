import type { Phrase } from "../ports/search-store.ts";
import { wordsOf } from "./words.ts";

/** More are not looked for: each is a look into the index. */
const MAX_WORDS = 32;
const QUOTES = /[\u201c\u201d\u201e\u00ab\u00bb]/g;

/**
 * What a search is for: all of the phrases. Words between quotes follow one another; the last word outside of them may
 * be unfinished, as it is while somebody types. There are no operators: every other character only parts words. Empty:
 * there is nothing to look for.
 */
export function readWish(text: string): Phrase[] {
  const parts = text.replaceAll(QUOTES, '"').split('"');
  // A quote that is never closed quotes nothing.
  const isQuoted = (i: number) => i % 2 === 1 && i < parts.length - 1;
  const pieces = parts.flatMap((part, i) => (isQuoted(i) ? [part] : part.split(/\s+/u)));
  const unfinished = isQuoted(parts.length - 1) ? -1 : pieces.length - 1;
  const phrases = pieces
    .map((piece, i) => phraseOf(piece, i === unfinished))
    .filter(({ length }) => length > 0);
  const kept: Phrase[] = [];
  let left = MAX_WORDS;
  for (const phrase of phrases) {
    if (left === 0) break;
    const words = phrase.slice(0, left);
    kept.push(words);
    left -= words.length;
  }
  return kept;
}

/** A piece with several words in it, such as an address, or a run of a script without spaces, is a phrase itself. */
function phraseOf(piece: string, isUnfinished: boolean): Phrase {
  const words = wordsOf(piece);
  const last = words.at(-1);
  // Where a run ends here it may go on in what is looked for: its pairs say all but of a single character.
  const isSaid = last?.of === "end" && words.at(-2)?.of === "pair";
  return words
    .slice(0, isSaid ? -1 : undefined)
    .map((word) => ({ text: word.text, begins: word === last && (isUnfinished || word.of === "end") }));
}
