import MarkdownIt from "markdown-it";
import type Token from "markdown-it/lib/token.mjs";
import { createElement, Fragment, memo, type ReactNode } from "react";
import styles from "./markdown.module.css";

/**
 * The subset: emphasis, strike-through, code, quotes, lists, links. No HTML, no pictures (they would be fetched from
 * elsewhere), no headings or tables. What is written becomes elements of React's and never a piece of HTML.
 */
const parser = new MarkdownIt("default", { html: false, linkify: true, breaks: true, typographer: false }).disable([
  "image",
  "heading",
  "lheading",
  "hr",
  "table",
  "reference",
  "html_block",
  "html_inline",
  "entity",
]);
parser.linkify.set({ fuzzyEmail: false });
parser.set({ maxNesting: 12 });

const SAFE_SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "mailto:"]);

/** An address that may be followed; null of any other. */
export function safeHref(href: string): string | null {
  const url = URL.parse(href);
  return url !== null && SAFE_SCHEMES.has(url.protocol) ? url.href : null;
}

/** Who may be named in a text, by id. */
export type Names = ReadonlyMap<string, string>;

interface MarkdownProps {
  readonly text: string;
  /** The people whom this text mentions. */
  readonly mentioned: Names;
  readonly myId: string;
}

const ONLY_EMOJI = /^(?:\p{RGI_Emoji}|\s){1,12}$/v;

export const Markdown = memo(function Markdown({ text, mentioned, myId }: MarkdownProps) {
  if (ONLY_EMOJI.test(text) && text.trim() !== "") return <p className={styles.emoji}>{text}</p>;
  return <div className={styles.text}>{elementsOf(parser.parse(text, {}), { mentioned, myId })}</div>;
});

interface Around {
  readonly mentioned: Names;
  readonly myId: string;
}

const TAGS: Readonly<Record<string, string>> = {
  paragraph: "p",
  strong: "strong",
  em: "em",
  s: "del",
  blockquote: "blockquote",
  bullet_list: "ul",
  ordered_list: "ol",
  list_item: "li",
};

/** Walks the flat list of tokens, in which what opens is closed later. */
function elementsOf(tokens: readonly Token[], around: Around): ReactNode[] {
  const open: { readonly token: Token | null; readonly children: ReactNode[] }[] = [{ token: null, children: [] }];
  for (const [i, token] of tokens.entries()) {
    const top = open.at(-1) as { readonly children: ReactNode[] };
    if (token.nesting === 1) open.push({ token, children: [] });
    else if (token.nesting === -1 && open.length > 1) {
      const { token: opener, children } = open.pop() as { token: Token; children: ReactNode[] };
      open.at(-1)?.children.push(elementOf(opener, children, i));
    } else top.children.push(<Fragment key={i}>{leafOf(token, around)}</Fragment>);
  }
  return open.flatMap(({ children }) => children);
}

function elementOf(token: Token, children: ReactNode[], key: number): ReactNode {
  const name = token.type.replace(/_open$/, "");
  if (name === "link") {
    const href = safeHref(token.attrGet("href") ?? "");
    if (href === null) return <Fragment key={key}>{children}</Fragment>;
    return (
      <a key={key} href={href} target="_blank" rel="noopener noreferrer nofollow ugc">
        {children}
      </a>
    );
  }
  if (name === "paragraph" && token.hidden) return <Fragment key={key}>{children}</Fragment>;
  const tag = TAGS[name];
  if (tag === undefined) return <Fragment key={key}>{children}</Fragment>;
  const start = token.attrGet("start");
  return createElement(tag, { key, ...(start !== null && { start: Number(start) }) }, ...children);
}

function leafOf(token: Token, around: Around): ReactNode {
  switch (token.type) {
    case "inline":
      return elementsOf(token.children ?? [], around);
    case "text":
      return withMentions(token.content, around);
    case "code_inline":
      return <code className={styles.code}>{token.content}</code>;
    case "fence":
    case "code_block":
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must by the keyboard too
        <pre className={styles.block} tabIndex={0}>
          <code>{token.content.replace(/\n$/, "")}</code>
        </pre>
      );
    case "hardbreak":
    case "softbreak":
      return <br />;
    default:
      return token.content;
  }
}

/** `@[id]` and `@name` of those who are mentioned. */
function withMentions(text: string, { mentioned, myId }: Around): ReactNode {
  if (mentioned.size === 0 || !text.includes("@")) return text;
  const byWord = new Map([...mentioned].flatMap(([id, name]) => [[`@[${id}]`, id], [`@${name}`, id]]));
  const words = [...byWord.keys()].toSorted((a, b) => b.length - a.length).map(escaped);
  const lower = new Map([...byWord].map(([word, id]) => [word.toLowerCase(), id]));
  let at = 0;
  return text.split(new RegExp(`(${words.join("|")})`, "giu")).map((part, i) => {
    at += part.length + 1;
    const id = i % 2 === 1 ? lower.get(part.toLowerCase()) : undefined;
    if (id === undefined) return part;
    return (
      <span key={at} className={styles.mention} data-me={id === myId}>
        @{mentioned.get(id)}
      </span>
    );
  });
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
