import { type Block, type Inline, parseMarkup } from "./markup.ts";

/** A message in one line, without its marks. */
export function plainText(content: string): string {
  return parseMarkup(content)
    .map(textOfBlock)
    .join(" ")
    .replace(/@\[([^\]]+)\]/g, "@$1")
    .replace(/\s+/g, " ")
    .trim();
}

function textOfBlock(block: Block): string {
  switch (block.kind) {
    case "paragraph":
      return textOf(block.children);
    case "code":
      return block.text;
    case "quote":
      return block.blocks.map(textOfBlock).join(" ");
    case "list":
      return block.items.flat().map(textOfBlock).join(" ");
  }
}

const textOf = (parts: readonly Inline[]): string =>
  parts
    .map((part) => ("text" in part ? part.text : "children" in part ? textOf(part.children) : " "))
    .join("");

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
