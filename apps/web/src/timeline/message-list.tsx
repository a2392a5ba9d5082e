import type { Conversation, Message, Timeline } from "@parlance/client";
import { useClient, useMe } from "@parlance/client/react";
import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { flushSync } from "react-dom";
import { Icon } from "../design/icon.tsx";
import type { Names } from "./markdown.tsx";
import styles from "./message-list.module.css";
import { type MessageActions, MessageRow } from "./message-row.tsx";
import { guessHeight } from "./row-height.ts";
import { type Row, rowsOf } from "./rows.ts";

interface MessageListProps {
  readonly conversation: Conversation;
  readonly timeline: Timeline;
  /** A message to be brought into sight; another object brings it there again. */
  readonly target: { readonly messageId: string } | null;
  /** Rises with each message that is said from here. */
  readonly sent: number;
  readonly names: Names;
  readonly actions: MessageActions;
  /** In a thread what is answered need not be said with each answer. */
  readonly inThread?: boolean;
  readonly label: string;
}

/** So far from the end one still reads the newest. */
const END_PX = 80;
/** Older ones are asked for when so much is left above. */
const MORE_PX = 4_000;
const LIT_MS = 2_500;
const READ_PAUSE_MS = 250;
const TELL_AGAIN_MS = 3_000;

/**
 * A stretch of messages of which only those in sight are in the page. It stays where it is when others are added
 * above, and follows what is new where one is at the end.
 */
export function MessageList({
  conversation,
  timeline,
  target,
  sent,
  names,
  actions,
  inThread = false,
  label,
}: MessageListProps) {
  const client = useClient();
  const me = useMe();
  const myId = me?.userId ?? "";
  const scroller = useRef<HTMLDivElement>(null);
  const { messages, hasOlder, hasNewer, loading, status } = timeline;
  // What was unread when it was opened, and not what has been read since.
  const [unreadAfter] = useState(conversation.unread > 0 && !inThread ? conversation.readSeq : null);
  const rows = useMemo(
    () => rowsOf(messages, unreadAfter, myId, hasOlder),
    [messages, unreadAfter, myId, hasOlder],
  );
  const [activeKey, setActiveKey] = useState<string | null>(null);
  const [litId, setLitId] = useState<string | null>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const placed = useRef(false);
  const active = activeKey === null ? -1 : rows.findIndex(({ message }) => message.key === activeKey);
  const stop = active === -1 ? rows.length - 1 : active;

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => guessHeight(rows[index] as Row, scroller.current?.clientWidth ?? 0),
    getItemKey: useCallback((index: number) => rows[index]?.message.key ?? index, [rows]),
    anchorTo: "end",
    followOnAppend: !hasNewer,
    scrollEndThreshold: END_PX,
    overscan: 8,
    // Where the keyboard is, or comes to, stays in the page however far one scrolls: a row that goes takes the focus along.
    rangeExtractor: useCallback(
      (range: Range) => {
        const seen = defaultRangeExtractor(range);
        return stop === -1 || seen.includes(stop) ? seen : [...seen, stop].sort((a, b) => a - b);
      },
      [stop],
    ),
    paddingStart: 16,
    paddingEnd: 12,
  });

  useLayoutEffect(() => {
    if (placed.current || rows.length === 0 || status !== "ready") return;
    placed.current = true;
    if (target !== null) return;
    const firstUnread = rows.findIndex(({ isFirstUnread }) => isFirstUnread);
    if (firstUnread === -1) virtual.scrollToEnd();
    else virtual.scrollToIndex(firstUnread, { align: "center" });
  }, [rows, status, target, virtual]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each target, when its message is there
  useEffect(() => {
    if (target === null || status !== "ready") return;
    const index = rows.findIndex(({ message }) => message.id === target.messageId);
    if (index === -1) return;
    virtual.scrollToIndex(index, { align: "center" });
    setLitId(target.messageId);
    const timer = setTimeout(() => setLitId(null), LIT_MS);
    return () => clearTimeout(timer);
  }, [target, status, rows.length > 0]);

  const look = useCallback(() => {
    const element = scroller.current;
    if (element === null || !placed.current) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    const left = scrollHeight - scrollTop - clientHeight;
    setAtEnd(left < END_PX);
    if (inThread) return;
    const { id } = conversation;
    // What fails is asked for again with the next move.
    if (scrollTop < MORE_PX) client.history.loadOlder(id).catch(() => {});
    if (left < MORE_PX) client.history.loadNewer(id).catch(() => {});
  }, [client, conversation, inThread]);

  // A page that does not fill the window is followed by the next without anybody having scrolled.
  // biome-ignore lint/correctness/useExhaustiveDependencies: after every change of what is there
  useEffect(look, [look, rows.length, hasOlder, hasNewer]);

  // Who says something wants to see it, wherever they were.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each
  useEffect(() => {
    if (sent > 0) void toEnd().catch(() => {});
  }, [sent]);

  useRead(conversation, inThread ? null : lastInSight);

  function lastInSight(): Message | null {
    const element = scroller.current;
    if (element === null) return null;
    const end = element.scrollTop + element.clientHeight;
    const item = virtual.getVirtualItems().findLast(({ start, size }) => start + Math.min(size, 40) <= end);
    const seen = item === undefined ? undefined : rows[item.index]?.message;
    return seen?.state === "stored"
      ? seen
      : (rows.findLast(({ message }) => message.state === "stored")?.message ?? null);
  }

  function focusRow(index: number): void {
    const row = rows[index];
    if (row === undefined) return;
    // Which brings it into the page.
    flushSync(() => setActiveKey(row.message.key));
    virtual.scrollToIndex(index, { align: "auto" });
    scroller.current
      ?.querySelector<HTMLElement>(`[data-index="${index}"] > article`)
      ?.focus({ preventScroll: true });
  }

  function move(event: KeyboardEvent): void {
    const article = (event.target as HTMLElement).closest("article");
    if (article !== event.target || article === null) return;
    const index = Number(article.parentElement?.dataset.index);
    const row = rows[index];
    if (row === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowUp") focusRow(index - 1);
    else if (event.key === "ArrowDown") focusRow(index + 1);
    else if (event.key === "Home") focusRow(0);
    else if (event.key === "End") focusRow(rows.length - 1);
    else if (!actions.key(event.key, row.message)) {
      early.current =
        row.message.state === "sending" ? { messageKey: row.message.key, key: event.key } : null;
      return;
    }
    event.preventDefault();
  }

  // What is pressed on a message that is on its way is done once it is stored, if one is still there.
  const early = useRef<{ readonly messageKey: string; readonly key: string } | null>(null);
  useEffect(() => {
    const pressed = early.current;
    const message = rows.findLast((row) => row.message.key === pressed?.messageKey)?.message;
    if (pressed === null || message?.state !== "stored") return;
    early.current = null;
    actions.key(pressed.key, message);
  }, [rows, actions]);

  async function toEnd(): Promise<void> {
    if (hasNewer && !inThread) await client.history.open(conversation.id);
    requestAnimationFrame(() => virtual.scrollToEnd());
  }

  return (
    <div className={styles.frame}>
      <div className={styles.scroller} ref={scroller} onScroll={look}>
        <section
          className={styles.sheet}
          data-thread={inThread}
          style={{ height: virtual.getTotalSize() }}
          aria-label={label}
          onKeyDown={move}
          onBlur={() => {
            early.current = null;
          }}
          onPointerLeave={({ pointerType }) => pointerType === "mouse" && setActiveKey(null)}
        >
          {virtual.getVirtualItems().map(({ index, key, start }) => {
            const row = rows[index];
            if (row === undefined) return null;
            return (
              // biome-ignore lint/a11y/noStaticElementInteractions: which row shows its buttons; the keyboard has its own way
              <div
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                className={styles.place}
                style={{ transform: `translateY(${start}px)` }}
                onPointerEnter={({ pointerType }) => pointerType === "mouse" && setActiveKey(row.message.key)}
                onPointerUp={({ pointerType }) => pointerType !== "mouse" && setActiveKey(row.message.key)}
                onFocus={({ target }) => target.matches(":focus-visible") && setActiveKey(row.message.key)}
              >
                <MessageRow
                  row={row}
                  conversation={conversation}
                  names={names}
                  myId={myId}
                  actions={actions}
                  inThread={inThread}
                  isActive={row.message.key === activeKey}
                  isStop={index === stop}
                  isLit={row.message.id === litId}
                />
              </div>
            );
          })}
        </section>
      </div>
      {loading === "older" && (
        <p className={styles.loading} role="status">
          Loading older messages…
        </p>
      )}
      {(hasNewer || !isAtEnd) && rows.length > 0 && (
        <button type="button" className={styles.toEnd} onClick={() => void toEnd().catch(() => {})}>
          <Icon name="chevron" size={18} />
          {conversation.unread > 0 && !inThread ? `${conversation.unread} new` : "To the newest"}
        </button>
      )}
    </div>
  );
}

/** Tells the server what was seen, while somebody looks. */
function useRead({ id, unread, seq }: Conversation, lastInSight: (() => Message | null) | null): void {
  const { conversations } = useClient();
  const look = useRef(lastInSight);
  look.current = lastInSight;
  const told = useRef({ id: "", unread: 0, at: 0 });

  // biome-ignore lint/correctness/useExhaustiveDependencies: looked at again with everything that comes
  useEffect(() => {
    if (unread === 0 || look.current === null) return;
    const read = (): void => {
      const seen = document.hasFocus() && !document.hidden ? (look.current?.() ?? null) : null;
      if (seen === null) return;
      // Who has scrolled up leaves unread what is below: it is not said over and over, and again in case it was lost.
      const isSame = told.current.id === seen.id && told.current.unread === unread;
      if (isSame && Date.now() - told.current.at < TELL_AGAIN_MS) return;
      told.current = { id: seen.id, unread, at: Date.now() };
      conversations.markRead(id, seen.id);
    };
    const timer = setInterval(read, READ_PAUSE_MS);
    return () => clearInterval(timer);
  }, [conversations, id, unread, seq]);
}
