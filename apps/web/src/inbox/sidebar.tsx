import { useClient, useInbox } from "@parlance/client/react";
import { useState } from "react";
import { IconButton } from "../design/icon-button.tsx";
import { go, useRoute } from "../shell/route.ts";
import { useTold } from "../shell/told.tsx";
import { ConversationRow } from "./conversation-row.tsx";
import { MyMenu } from "./my-menu.tsx";
import { NewConversation } from "./new-conversation.tsx";
import { Search } from "./search.tsx";
import styles from "./sidebar.module.css";

interface SidebarProps {
  readonly onSignOut: () => void;
  readonly isSearching: boolean;
  readonly onSearching: (searching: boolean) => void;
}

/** One's conversations, who one is, and what may be looked for. */
export function Sidebar({ onSignOut, isSearching, onSearching }: SidebarProps) {
  const inbox = useInbox();
  const client = useClient();
  const told = useTold();
  const { conversationId } = useRoute();
  const [isCreating, setCreating] = useState(false);
  const [showsArchive, setShowsArchive] = useState(false);
  const ids = showsArchive ? inbox.archivedIds : inbox.ids;

  function openArchive(): void {
    setShowsArchive(true);
    void client.conversations.loadArchived().catch(() => {});
  }

  return (
    <nav className={styles.sidebar} aria-label="Conversations">
      <header className={styles.head}>
        <MyMenu onSignOut={onSignOut} onArchive={openArchive} />
        <IconButton icon="search" label="Search (Ctrl K)" onClick={() => onSearching(true)} />
        <IconButton icon="edit" label="New conversation" onClick={() => setCreating(true)} />
      </header>
      {isSearching ? (
        <Search onClose={() => onSearching(false)} />
      ) : (
        <>
          {showsArchive && (
            <div className={styles.section}>
              <IconButton
                icon="back"
                label="Back to all conversations"
                onClick={() => setShowsArchive(false)}
              />
              <h2>Archived</h2>
            </div>
          )}
          <ul className={styles.list} onScroll={({ currentTarget }) => loadMore(currentTarget)}>
            {ids.map((id) => (
              <ConversationRow key={id} id={id} isOpen={id === conversationId} />
            ))}
            {inbox.status === "loading" && ids.length === 0 && <Skeleton />}
            {inbox.status === "failed" && (
              <li className={styles.empty}>
                <p role="alert">The conversations could not be loaded.</p>
                <button type="button" onClick={() => told(client.conversations.loadInbox())}>
                  Try again
                </button>
              </li>
            )}
            {inbox.status === "ready" && ids.length === 0 && (
              <li className={styles.empty}>
                {showsArchive ? (
                  "Nothing is archived."
                ) : (
                  <>
                    <p>No conversations yet.</p>
                    <button type="button" onClick={() => setCreating(true)}>
                      Start one
                    </button>
                  </>
                )}
              </li>
            )}
          </ul>
        </>
      )}
      {isCreating && (
        <NewConversation
          onClose={() => setCreating(false)}
          onOpened={(opened) => {
            setCreating(false);
            setShowsArchive(false);
            go({ conversationId: opened });
          }}
        />
      )}
    </nav>
  );

  function loadMore({ scrollTop, clientHeight, scrollHeight }: HTMLElement): void {
    if (scrollTop + clientHeight < scrollHeight - 300) return;
    if (showsArchive) void client.conversations.loadArchived().catch(() => {});
    else if (inbox.hasMore) void client.conversations.loadMore().catch(() => {});
  }
}

function Skeleton() {
  return (
    <li className={styles.skeleton} aria-label="Loading">
      {[0, 1, 2, 3].map((i) => (
        <span key={i} />
      ))}
    </li>
  );
}
