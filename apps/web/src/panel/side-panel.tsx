import { useConversation } from "@parlance/client/react";
import { IconButton } from "../design/icon-button.tsx";
import { go, type Panel } from "../shell/route.ts";
import { Details } from "./details.tsx";
import { FilesPanel } from "./files-panel.tsx";
import { Pins } from "./pins.tsx";
import styles from "./side-panel.module.css";
import { Thread } from "./thread.tsx";

const TITLES: Readonly<Record<Panel["kind"], string>> = {
  thread: "Thread",
  details: "Details",
  pins: "Pinned messages",
  files: "Files",
};

interface SidePanelProps {
  readonly conversationId: string;
  readonly panel: Panel;
}

/** What belongs to a conversation, beside it. */
export function SidePanel({ conversationId, panel }: SidePanelProps) {
  const conversation = useConversation(conversationId);
  if (conversation === null) return null;
  return (
    <aside className={styles.panel} aria-label={TITLES[panel.kind]}>
      <header className={styles.head}>
        <h2>{TITLES[panel.kind]}</h2>
        <IconButton icon="close" label="Close the panel" onClick={() => go({ conversationId })} />
      </header>
      {panel.kind === "thread" && (
        <Thread key={panel.messageId} conversation={conversation} messageId={panel.messageId} />
      )}
      {panel.kind === "details" && <Details conversation={conversation} />}
      {panel.kind === "pins" && <Pins conversation={conversation} />}
      {panel.kind === "files" && <FilesPanel conversation={conversation} />}
    </aside>
  );
}
