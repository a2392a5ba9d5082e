import type { Conversation } from "@parlance/client";
import { useClient } from "@parlance/client/react";
import { formatWhen } from "../design/time.ts";
import { spellRoute } from "../shell/route.ts";
import { FileLink } from "../timeline/attachments.tsx";
import styles from "./side-panel.module.css";
import { useLoaded } from "./use-loaded.ts";

/** All files of a conversation, newest first. */
export function FilesPanel({ conversation }: { readonly conversation: Conversation }) {
  const { messages } = useClient();
  const { value, problem } = useLoaded(
    () => messages.withFiles(conversation.id),
    conversation.lastMessage?.id,
  );
  if (problem !== null) return <p className={styles.note}>{problem}</p>;
  if (value?.items.length === 0) return <p className={styles.note}>No files were sent here yet.</p>;
  return (
    <ul className={styles.cards}>
      {value?.items.flatMap(({ id, conversationId, senderId, senderName, createdAt, attachments }) =>
        attachments.map((attachment) => (
          <li key={attachment.id} className={styles.file}>
            <FileLink attachment={attachment} />
            <a href={spellRoute({ conversationId, messageId: id, panel: { kind: "files" } })}>
              {senderName ?? senderId}, {formatWhen(createdAt)}
            </a>
          </li>
        )),
      )}
    </ul>
  );
}
