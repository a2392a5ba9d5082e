import type { Word } from "../ports/search-store.ts";

/** Longer ones are compared by their beginning: nobody types more, and PostgreSQL holds no more than 2 KB. */
const MAX_WORD_LENGTH = 64;
/** The last place that PostgreSQL tells from the one before it. */
const MAX_PLACE = 16_383;

/** What is written without spaces between words, with the sign that lengthens a vowel in Japanese. */
const UNSPACED = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => String.raw`\p{Script=${script}}`)
  .concat(String.raw`\u30FC`)
  .join("");
const TOKEN = new RegExp(
  [
    String.raw`(?<run>[${UNSPACED}][${UNSPACED}\p{M}]*)`,
    String.raw`(?<word>(?![${UNSPACED}])[\p{L}\p{N}_](?:(?![${UNSPACED}])[\p{L}\p{N}\p{M}_])*)`,
    String.raw`(?<sign>\p{Extended_Pictographic})`,
  ].join("|"),
  "gu",
);
const ACCENTS = /[\u0300-\u036f]/g;

/**
 * The words of a text in their order, without case, accents and width. Of a run in a script without spaces each two
 * neighbours are a word, and its last character by itself is one: so a piece of it is found wherever it begins, as words
 * that follow one another. Signs such as emoji are words.
 */
export function wordsOf(text: string): Word[] {
  const plain = text.normalize("NFKD").toLowerCase().replace(ACCENTS, "").normalize("NFC");
  const words: Word[] = [];
  const add = (word: string, of: Word["of"]) => words.push({ text: word, place: words.length + 1, of });
  for (const { 0: token, groups } of plain.matchAll(TOKEN)) {
    if (groups?.run === undefined) {
      add(token.length > MAX_WORD_LENGTH ? beginning(token) : token, "spaced");
    } else {
      const characters = [...token];
      for (const [i, character] of characters.entries()) {
        const next = characters[i + 1];
        if (next === undefined) add(character, "end");
        else add(character + next, "pair");
      }
    }
    if (words.length >= MAX_PLACE) break;
  }
  return words.slice(0, MAX_PLACE);
}

/** Not in the middle of a character. */
function beginning(token: string): string {
  const cut = token.slice(0, MAX_WORD_LENGTH);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}
