import { type Block, type Inline, parseMarkup } from "./markup.ts";

/** A message in one line, without its marks. */
export function plainText(content: string): string {
  return textOf(parseMarkup(content))
    .replace(/@\[([^\]]+)\]/g, "@$1")
    .replace(/\s+/g, " ")
    .trim();
}

function textOf(parts: readonly (Block | Inline)[]): string {
  return parts
    .map((part) => {
      if ("text" in part) return part.text;
      if ("children" in part)
        return part.kind === "paragraph" ? `${textOf(part.children)} ` : textOf(part.children);
      if ("blocks" in part) return textOf(part.blocks);
      return "items" in part ? part.items.map(textOf).join(" ") : " ";
    })
    .join("");
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
