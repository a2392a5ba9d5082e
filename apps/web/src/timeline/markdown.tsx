import { createElement, Fragment, memo, type ReactNode } from "react";
import styles from "./markdown.module.css";
import { type Block, type Inline, parseMarkup } from "./markup.ts";

/** What people are called, by id. */
export type Names = ReadonlyMap<string, string>;

interface MarkdownProps {
  readonly text: string;
  /** The people whom this text mentions. */
  readonly mentioned: Names;
  readonly myId: string;
}

type Around = Omit<MarkdownProps, "text">;

const ONLY_EMOJI = /^\s*(?:\p{RGI_Emoji}\s*){1,6}$/v;
const TAGS = { strong: "strong", em: "em", del: "del" } as const;

/** A message's text as elements of the page. */
export const Markdown = memo(function Markdown({ text, mentioned, myId }: MarkdownProps) {
  if (ONLY_EMOJI.test(text)) return <p className={styles.emoji}>{text}</p>;
  return (
    <div className={styles.text}>
      {withKeys(parseMarkup(text), (one) => blockOf(one, { mentioned, myId }))}
    </div>
  );
});

/** Parts of one text: their places are all that tells them apart. */
function withKeys<T>(parts: readonly T[], render: (part: T) => ReactNode): ReactNode {
  return createElement(Fragment, null, ...parts.map(render));
}

function blockOf(block: Block, around: Around): ReactNode {
  switch (block.kind) {
    case "paragraph":
      return <p>{inlines(block.children, around)}</p>;
    case "code":
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and must by the keyboard too
        <pre className={styles.block} tabIndex={0}>
          <code>{block.text}</code>
        </pre>
      );
    case "quote":
      return <blockquote>{withKeys(block.blocks, (one) => blockOf(one, around))}</blockquote>;
    case "list": {
      const items = withKeys(block.items, (item) => <li>{withKeys(item, (one) => tight(one, around))}</li>);
      return block.start === null ? <ul>{items}</ul> : <ol start={block.start}>{items}</ol>;
    }
  }
}

/** In a list a paragraph is a line. */
const tight = (block: Block, around: Around): ReactNode =>
  block.kind === "paragraph" ? inlines(block.children, around) : blockOf(block, around);

const inlines = (parts: readonly Inline[], around: Around): ReactNode =>
  withKeys(parts, (part) => inlineElement(part, around));

function inlineElement(part: Inline, around: Around): ReactNode {
  switch (part.kind) {
    case "text":
      return withMentions(part.text, around);
    case "code":
      return <code className={styles.code}>{part.text}</code>;
    case "break":
      return <br />;
    case "link":
      return (
        <a href={part.href} target="_blank" rel="noopener noreferrer nofollow ugc">
          {inlines(part.children, around)}
        </a>
      );
    default:
      return createElement(TAGS[part.kind], null, inlines(part.children, around));
  }
}

/** `@[id]` and `@name` of those who are mentioned. */
function withMentions(text: string, { mentioned, myId }: Around): ReactNode {
  if (mentioned.size === 0 || !text.includes("@")) return text;
  const ids = new Map(
    [...mentioned].flatMap(([id, name]) =>
      [`@[${id}]`, `@${name}`].map((word) => [word.toLowerCase(), id] as const),
    ),
  );
  const words = [...ids.keys()].toSorted((a, b) => b.length - a.length).map(escaped);
  return withKeys(text.split(new RegExp(`(${words.join("|")})`, "iu")), (part) => {
    const id = ids.get(part.toLowerCase());
    if (id === undefined) return part;
    return (
      <span className={styles.mention} data-me={id === myId}>
        @{mentioned.get(id)}
      </span>
    );
  });
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
