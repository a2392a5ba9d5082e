import type { Conversation } from "@parlance/client";
import { useClient } from "@parlance/client/react";
import { Avatar } from "../design/avatar.tsx";
import { formatWhen } from "../design/time.ts";
import { spellRoute } from "../shell/route.ts";
import { plainText } from "../timeline/plain-text.tsx";
import styles from "./side-panel.module.css";
import { useLoaded } from "./use-loaded.ts";

/** What is pinned for everybody, last pinned first. */
export function Pins({ conversation }: { readonly conversation: Conversation }) {
  const { messages } = useClient();
  const { value, problem } = useLoaded(() => messages.pins(conversation.id), conversation.seq);
  if (problem !== null) return <p className={styles.note}>{problem}</p>;
  if (value?.length === 0) {
    return <p className={styles.note}>Nothing is pinned. A message's menu pins it for everybody.</p>;
  }
  return (
    <ul className={styles.cards}>
      {value?.map(({ id, conversationId, senderId, senderName, content, createdAt, attachments }) => (
        <li key={id}>
          <a
            className={styles.card}
            href={spellRoute({ conversationId, messageId: id, panel: { kind: "pins" } })}
          >
            <Avatar id={senderId} name={senderName ?? senderId} size="s" />
            <span>
              <b>{senderName ?? senderId}</b> <time>{formatWhen(createdAt)}</time>
              <span className={styles.cardText}>
                {content === "" ? attachments.map(({ fileName }) => fileName).join(", ") : plainText(content)}
              </span>
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}
