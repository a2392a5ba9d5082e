import type { Conversation, Message, User } from "@parlance/client";
import { useClient, useConversation, useInbox, useMe } from "@parlance/client/react";
import { otherOf, titleOf } from "@parlance/client/show";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { Avatar } from "../design/avatar.tsx";
import controls from "../design/controls.module.css";
import { IconButton } from "../design/icon-button.tsx";
import { formatWhen } from "../design/time.ts";
import { go, spellRoute } from "../shell/route.ts";
import { useTold } from "../shell/told.tsx";
import { Highlighted, plainText } from "../timeline/plain-text.tsx";
import styles from "./sidebar.module.css";

const PAUSE_MS = 200;
const MAX_CONVERSATIONS = 6;
const MAX_PEOPLE = 5;

interface Found {
  readonly query: string;
  readonly messages: readonly Message[];
  readonly nextCursor: string | null;
  readonly people: readonly User[];
}

/** Looks through conversations, people and all that was said; the arrow keys walk through what was found. */
export function Search({ onClose }: { readonly onClose: () => void }) {
  const client = useClient();
  const me = useMe();
  const inbox = useInbox();
  const told = useTold();
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<Found | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const wanted = query.trim();

  useEffect(() => {
    if (wanted === "") {
      setFound(null);
      return;
    }
    let current = true;
    const timer = setTimeout(async () => {
      const [messages, people] = await Promise.all([
        client.messages.search(wanted).catch(() => ({ items: [], nextCursor: null })),
        client.people.find(wanted).catch(() => ({ items: [] })),
      ]);
      if (!current) return;
      setFound({
        query: wanted,
        messages: messages.items,
        nextCursor: messages.nextCursor,
        people: people.items,
      });
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [client, wanted]);

  const conversations = useMemo((): readonly Conversation[] => {
    if (me === null) return [];
    const sought = wanted.toLocaleLowerCase();
    return [...inbox.ids, ...inbox.archivedIds]
      .map((id) => client.get(`conversation:${id}`))
      .filter((one) => one !== null)
      .filter((one) => titleOf(one, me.userId).toLocaleLowerCase().includes(sought))
      .slice(0, MAX_CONVERSATIONS);
  }, [client, inbox, me, wanted]);

  const known = new Set(conversations.map((one) => otherOf(one, me?.userId ?? "")?.userId));
  const people = (found?.people ?? [])
    .filter(({ userId }) => userId !== me?.userId && !known.has(userId))
    .slice(0, MAX_PEOPLE);

  async function more(): Promise<void> {
    if (found?.nextCursor == null) return;
    const page = await client.messages.search(found.query, { cursor: found.nextCursor });
    setFound({ ...found, messages: [...found.messages, ...page.items], nextCursor: page.nextCursor });
  }

  function move(event: KeyboardEvent): void {
    if (event.key === "Escape") onClose();
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const stops = [...(list.current?.querySelectorAll<HTMLElement>("a, button") ?? [])];
    const at = stops.indexOf(document.activeElement as HTMLElement);
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    if (next >= 0) stops[next]?.focus();
    else event.currentTarget.querySelector("input")?.focus();
  }

  const isEmpty =
    found !== null && found.messages.length === 0 && conversations.length === 0 && people.length === 0;

  return (
    // biome-ignore lint/a11y/useSemanticElements: <search> is not known to all yet
    <div role="search" className={styles.results} onKeyDown={move}>
      <div className={styles.searchField}>
        <input
          className={controls.field}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          placeholder="Search messages and people"
          aria-label="Search messages and people"
          // biome-ignore lint/a11y/noAutofocus: it was opened for this
          autoFocus
        />
        <IconButton icon="close" label="Close the search" size={18} onClick={onClose} />
      </div>
      <div ref={list} aria-live="polite">
        {conversations.length > 0 && <h2>Conversations</h2>}
        {conversations.map((one) => (
          <ConversationResult key={one.id} conversation={one} myId={me?.userId ?? ""} onChosen={onClose} />
        ))}
        {people.length > 0 && <h2>People</h2>}
        {people.map((user) => (
          <button
            key={user.userId}
            type="button"
            className={styles.result}
            onClick={() =>
              told(client.conversations.direct(user.userId), ({ id }) => {
                go({ conversationId: id });
                onClose();
              })
            }
          >
            <Avatar id={user.userId} name={user.name ?? user.userId} />
            <span>
              {user.name ?? user.userId}
              <span className={styles.resultText}>{user.userId}</span>
            </span>
          </button>
        ))}
        {found !== null && found.messages.length > 0 && <h2>Messages</h2>}
        {found?.messages.map((message) => (
          <MessageResult key={message.id} message={message} query={found.query} />
        ))}
        {found?.nextCursor != null && (
          <button type="button" className={styles.more} onClick={() => told(more())}>
            Show more
          </button>
        )}
        {isEmpty && <p className={styles.empty}>Nothing was found.</p>}
      </div>
    </div>
  );
}

function ConversationResult({
  conversation,
  myId,
  onChosen,
}: {
  readonly conversation: Conversation;
  readonly myId: string;
  readonly onChosen: () => void;
}) {
  const title = titleOf(conversation, myId);
  const other = otherOf(conversation, myId);
  return (
    <a className={styles.result} href={spellRoute({ conversationId: conversation.id })} onClick={onChosen}>
      <Avatar id={other?.userId ?? conversation.id} name={title} kind={other === null ? "group" : "person"} />
      <span>{title}</span>
    </a>
  );
}

function MessageResult({ message, query }: { readonly message: Message; readonly query: string }) {
  const conversation = useConversation(message.conversationId);
  const me = useMe();
  const { conversationId, id, senderId, senderName, content, createdAt, attachments } = message;
  const where = conversation === null || me === null ? "" : titleOf(conversation, me.userId);
  const text = content === "" ? attachments.map(({ fileName }) => fileName).join(", ") : plainText(content);
  return (
    <a className={styles.result} href={spellRoute({ conversationId, messageId: id })}>
      <Avatar id={senderId} name={senderName ?? senderId} />
      <span>
        <span className={styles.rowTop}>
          <span className={styles.rowTitle}>{senderName ?? senderId}</span>
          <time className={styles.rowTime}>{formatWhen(createdAt)}</time>
        </span>
        <span className={styles.resultText}>
          <Highlighted text={text} query={query} />
        </span>
        {where !== "" && <span className={styles.rowTime}>in {where}</span>}
      </span>
    </a>
  );
}
