/** A message in one line, without its marks. */
export function plainText(content: string): string {
  return content
    .replace(/```\w*\n?/g, "")
    .replace(/[*_~`]{1,3}(\S(?:[^*_~`]*\S)?)[*_~`]{1,3}/g, "$1")
    .replace(/@\[([^\]]+)\]/g, "@$1")
    .replace(/^\s*>\s?/gm, "")
    .replace(/\s+/g, " ")
    .trim();
}

interface HighlightedProps {
  readonly text: string;
  readonly query: string;
}

/** How much of a text is shown before the first place that was looked for. */
const BEFORE = 40;

/** A text with the words that were looked for, beginning shortly before the first of them. */
export function Highlighted({ text, query }: HighlightedProps) {
  const words = query.match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length === 0) return text;
  const pattern = new RegExp(`(${words.join("|")})`, "giu");
  const first = text.search(pattern);
  const shown = first > BEFORE * 2 ? `…${text.slice(first - BEFORE)}` : text;
  let at = 0;
  return shown.split(pattern).map((part, i) => {
    at += part.length;
    return i % 2 === 1 ? <mark key={at}>{part}</mark> : part;
  });
}
