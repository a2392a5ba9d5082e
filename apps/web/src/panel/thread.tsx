import type { Conversation, Timeline } from "@parlance/client";
import { useClient, useThread } from "@parlance/client/react";
import { useMemo, useState } from "react";
import { Composer, type Writing } from "../timeline/composer.tsx";
import { MessageList } from "../timeline/message-list.tsx";
import { useActions } from "../timeline/use-actions.tsx";
import { useNames } from "../timeline/use-names.ts";
import styles from "./side-panel.module.css";

interface ThreadProps {
  readonly conversation: Conversation;
  readonly messageId: string;
}

/** A message and everything that answers it. */
export function Thread({ conversation, messageId }: ThreadProps) {
  const client = useClient();
  const thread = useThread(conversation.id, messageId);
  const names = useNames(conversation);
  const [writing, setWriting] = useState<Writing>({ kind: "new" });
  const [sent, setSent] = useState(0);
  const { actions, dialogs } = useActions(conversation, setWriting);
  const root = thread.root ?? client.message(conversation.id, messageId);
  const whole = useMemo(
    (): Timeline => ({ ...thread, messages: root === null ? thread.messages : [root, ...thread.messages] }),
    [thread, root],
  );

  if (thread.status === "failed") {
    return <p className={styles.note}>The thread could not be loaded. {thread.error?.message}</p>;
  }
  return (
    <div className={styles.thread}>
      <MessageList
        conversation={conversation}
        timeline={whole}
        target={null}
        sent={sent}
        names={names}
        actions={actions}
        inThread
        label="Messages of this thread"
      />
      {root !== null && actions.may(root).reply ? (
        <Composer
          conversation={conversation}
          place={`${conversation.id}/${messageId}`}
          writing={writing}
          onWriting={setWriting}
          placeholder="Reply in the thread"
          replyTo={root}
          onSent={() => setSent(sent + 1)}
        />
      ) : (
        thread.status === "ready" && <p className={styles.note}>Nobody may reply here.</p>
      )}
      {dialogs}
    </div>
  );
}
