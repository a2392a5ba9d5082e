import { useClient, useMe } from "@parlance/client/react";
import { useEffect, useState } from "react";
import { Logo } from "../design/logo.tsx";
import { Sidebar } from "../inbox/sidebar.tsx";
import { SidePanel } from "../panel/side-panel.tsx";
import { ConversationView } from "../timeline/conversation-view.tsx";
import { ConnectionBar } from "./connection-bar.tsx";
import { openDrafts } from "./drafts.ts";
import { startNotifications } from "./notifications.ts";
import { useRoute } from "./route.ts";
import styles from "./shell.module.css";
import { startShortcuts } from "./shortcuts.ts";
import { NoticeProvider } from "./told.tsx";

/** The three columns: conversations, one of them, and what belongs to it. On a phone one of them at a time. */
export function Shell({ onSignOut }: { readonly onSignOut: () => void }) {
  const client = useClient();
  const me = useMe();
  const { conversationId, panel } = useRoute();
  const [isSearching, setSearching] = useState(false);

  useEffect(() => startNotifications(client), [client]);
  useEffect(() => startShortcuts(client, () => setSearching(true)), [client]);

  if (me === null) {
    return (
      <main className={styles.starting}>
        <Logo size={44} />
        <ConnectionBar />
      </main>
    );
  }
  openDrafts(me.userId);
  return (
    <NoticeProvider>
      <div
        className={styles.shell}
        data-place={panel !== null ? "panel" : conversationId !== null ? "conversation" : "list"}
      >
        <ConnectionBar />
        <Sidebar onSignOut={onSignOut} isSearching={isSearching} onSearching={setSearching} />
        <main className={styles.main}>
          {conversationId === null ? (
            <div className={styles.nothing}>
              <Logo size={56} />
              <p>Choose a conversation, or begin a new one.</p>
            </div>
          ) : (
            <ConversationView key={conversationId} id={conversationId} />
          )}
        </main>
        {conversationId !== null && panel !== null && (
          <SidePanel key={`${conversationId} ${panel.kind}`} conversationId={conversationId} panel={panel} />
        )}
      </div>
    </NoticeProvider>
  );
}
