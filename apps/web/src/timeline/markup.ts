/**
 * The subset of Markdown that messages are written in: emphasis, strike-through, code, quotes, lists, links. What is
 * made of a text is data and never HTML, and the time it takes grows with the text's length and no faster.
 */
export type Inline =
  | { readonly kind: "text" | "code"; readonly text: string }
  | { readonly kind: "strong" | "em" | "del"; readonly children: readonly Inline[] }
  | { readonly kind: "link"; readonly href: string; readonly children: readonly Inline[] }
  | { readonly kind: "break" };

export type Block =
  | { readonly kind: "paragraph"; readonly children: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "quote"; readonly blocks: readonly Block[] }
  | { readonly kind: "list"; readonly start: number | null; readonly items: readonly (readonly Block[])[] };

const FENCE = /^ {0,3}```[^`\n]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3}(?:[-*+]|(\d{1,9})[.)]) {1,4})(?=\S)/;
/** What stands deeper is shown as it was written. */
const MAX_DEPTH = 6;

export function parseMarkup(text: string): readonly Block[] {
  return blocksOf(text.replace(/\r\n?/g, "\n").split("\n"), 0);
}

function blocksOf(lines: readonly string[], depth: number): readonly Block[] {
  const blocks: Block[] = [];
  let at = 0;
  /** Takes lines for as long as they are such. */
  const take = (isSuch: (line: string) => boolean): string[] => {
    const taken: string[] = [];
    while (at < lines.length && isSuch(lines[at] as string)) taken.push(lines[at++] as string);
    return taken;
  };
  while (at < lines.length) {
    const line = lines[at] as string;
    if (line.trim() === "") at++;
    else if (FENCE.test(line)) {
      at++;
      blocks.push({ kind: "code", text: take((one) => !FENCE.test(one)).join("\n") });
      at++;
    } else if (depth < MAX_DEPTH && QUOTE.test(line)) {
      const quoted = take((one) => QUOTE.test(one)).map((one) => one.replace(QUOTE, ""));
      blocks.push({ kind: "quote", blocks: blocksOf(quoted, depth + 1) });
    } else if (depth < MAX_DEPTH && ITEM.test(line)) {
      blocks.push(listOf(line));
    } else {
      const first = lines[at++] as string;
      const rest = take((one) => one.trim() !== "" && !startsBlock(one, depth));
      blocks.push({ kind: "paragraph", children: inlineOf([first, ...rest].join("\n").trim(), 0) });
    }
  }
  return blocks;

  function listOf(first: string): Block {
    const start = ITEM.exec(first)?.[2];
    const isOrdered = start !== undefined;
    const items: (readonly Block[])[] = [];
    while (at < lines.length) {
      const found = ITEM.exec(lines[at] as string);
      if (found === null || (found[2] !== undefined) !== isOrdered) break;
      const indent = (found[1] as string).length;
      const own = [(lines[at++] as string).slice(indent)];
      own.push(
        ...take((one) => /^ {2,}\S/.test(one)).map((one) => one.replace(new RegExp(`^ {1,${indent}}`), "")),
      );
      items.push(blocksOf(own, depth + 1));
    }
    return { kind: "list", start: isOrdered ? Number(start) : null, items };
  }
}

const startsBlock = (line: string, depth: number): boolean =>
  FENCE.test(line) || (depth < MAX_DEPTH && (QUOTE.test(line) || ITEM.test(line)));

const SAFE_SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "mailto:"]);

/** An address that may be followed; null of any other. */
export function safeHref(href: string): string | null {
  const url = URL.parse(href);
  return url !== null && SAFE_SCHEMES.has(url.protocol) ? url.href : null;
}

const MARKS = { "**": "strong", __: "strong", "~~": "del", "*": "em", _: "em" } as const;
type MarkText = keyof typeof MARKS;

/** Where something may begin that is not plain text. */
const SPECIAL = /\\[!-/:-@[-`{-~]|`+|\*\*|__|~~|[*_]|\[|\n|(?<![\p{L}\p{N}])https?:\/\/[^\s<>"]{1,2000}/giu;
const LINK = /\[([^[\]\n]{1,300})\]\(([^\s()<>]{1,2000})\)/y;
const TRAILING = /[.,;:!?'"*_~)\]}]$/;

function inlineOf(text: string, depth: number): readonly Inline[] {
  const found: Inline[] = [];
  /** Marks that are closed nowhere behind: looking for each again would take the square of the length. */
  const hopeless = new Set<string>();
  let plain = "";
  let at = 0;
  const flush = (): void => {
    if (plain !== "") found.push({ kind: "text", text: plain });
    plain = "";
  };
  const add = (node: Inline, end: number): void => {
    flush();
    found.push(node);
    at = end;
  };
  SPECIAL.lastIndex = 0;
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const special = SPECIAL.exec(text);
    if (special === null) break;
    plain += text.slice(at, special.index);
    at = special.index;
    const [word] = special;
    if (word === "\n") add({ kind: "break" }, at + 1);
    else if (word.startsWith("\\")) {
      plain += word.slice(1);
      at += 2;
    } else if (word.startsWith("`")) takeCode(word);
    else if (word === "[") takeLink();
    else if (word in MARKS) takeMark(word as MarkText);
    else takeAddress(word);
  }
  plain += text.slice(at);
  flush();
  return found;

  function asWritten(word: string): void {
    plain += word;
    at += word.length;
  }

  function takeCode(ticks: string): void {
    const start = at + ticks.length;
    const end = hopeless.has(ticks) ? -1 : closingTicks(text, ticks, start);
    if (end === -1) {
      hopeless.add(ticks);
      asWritten(ticks);
    } else add({ kind: "code", text: text.slice(start, end).trim() }, end + ticks.length);
  }

  function takeLink(): void {
    LINK.lastIndex = at;
    const link = LINK.exec(text);
    const href = link === null ? null : safeHref(link[2] as string);
    if (link === null || href === null || depth >= MAX_DEPTH) asWritten("[");
    else {
      const children: readonly Inline[] = [{ kind: "text", text: link[1] as string }];
      add({ kind: "link", href, children }, at + link[0].length);
    }
  }

  function takeAddress(word: string): void {
    let address = word;
    while (TRAILING.test(address) && !balances(address)) address = address.slice(0, -1);
    const href = safeHref(address);
    if (href === null) asWritten(word);
    else add({ kind: "link", href, children: [{ kind: "text", text: address }] }, at + address.length);
  }

  function takeMark(mark: MarkText): void {
    const start = at + mark.length;
    const isInWord = mark.startsWith("_") && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "");
    const opens = depth < MAX_DEPTH && !isInWord && /\S/.test(text[start] ?? " ");
    const end = opens && !hopeless.has(mark) ? closingMark(text, mark, start) : -1;
    if (end === -1) {
      if (opens) hopeless.add(mark);
      asWritten(mark);
    } else {
      const children = inlineOf(text.slice(start, end), depth + 1);
      add({ kind: MARKS[mark], children }, end + mark.length);
    }
  }
}

/** As many ticks and no more. */
function closingTicks(text: string, ticks: string, from: number): number {
  for (let at = text.indexOf(ticks, from); at !== -1; ) {
    let end = at;
    while (text[end] === "`") end++;
    if (end - at === ticks.length) return at;
    at = text.indexOf(ticks, end);
  }
  return -1;
}

/** Behind something that is no space, and no part of a longer mark. */
function closingMark(text: string, mark: string, from: number): number {
  const sign = mark[0] as string;
  for (let at = text.indexOf(mark, from + 1); at !== -1; at = text.indexOf(mark, at + 1)) {
    let run = at;
    while (text[run] === sign) run++;
    const length = run - at;
    const end = length === 3 ? run - mark.length : at;
    const fits = mark.length === 2 ? length >= 2 : length % 2 === 1;
    const isInWord = sign === "_" && /[\p{L}\p{N}]/u.test(text[run] ?? "");
    if (fits && !isInWord && /\S/.test(text[at - 1] ?? " ")) return end;
    at = run - 1;
  }
  return -1;
}

/** Whether a bracket that closes an address is opened in it. */
const balances = (address: string): boolean =>
  address.endsWith(")") && address.split("(").length === address.split(")").length;
