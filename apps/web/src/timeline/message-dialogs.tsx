import type { Attachment, EarlierText, Message } from "@parlance/client";
import { useClient, useFileUrl } from "@parlance/client/react";
import { useEffect, useState } from "react";
import { AskDialog } from "../design/ask-dialog.tsx";
import { Avatar } from "../design/avatar.tsx";
import controls from "../design/controls.module.css";
import { Dialog } from "../design/dialog.tsx";
import { formatClock, formatDay, formatExact } from "../design/time.ts";
import styles from "./message-dialogs.module.css";
import { plainText } from "./plain-text.tsx";

interface MessageDialogProps {
  readonly message: Message;
  readonly onClose: () => void;
}

export function RemoveDialog({
  message,
  onClose,
  onConfirm,
}: MessageDialogProps & { readonly onConfirm: () => void }) {
  return (
    <AskDialog title="Delete this message?" action="Delete" danger onAction={onConfirm} onClose={onClose}>
      <p>It goes for everybody, its files too. That it was there stays to be seen.</p>
      <blockquote className={styles.text}>{plainText(message.content)}</blockquote>
    </AskDialog>
  );
}

/** What was asked for, once it is there. */
function useAsked<T>(ask: () => Promise<T>): { readonly value: T | null; readonly problem: string | null } {
  const [answer, setAnswer] = useState<{ value: T | null; problem: string | null }>({
    value: null,
    problem: null,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked once, when the window opens
  useEffect(() => {
    ask().then(
      (value) => setAnswer({ value, problem: null }),
      (error: Error) => setAnswer({ value: null, problem: error.message }),
    );
  }, []);
  return answer;
}

export function ReadersDialog({ message, onClose }: MessageDialogProps) {
  const { messages } = useClient();
  const { value, problem } = useAsked(() => messages.readers(message));
  return (
    <Dialog title="Who has read this" onClose={onClose}>
      {problem !== null && <p role="alert">{problem}</p>}
      {value?.items.length === 0 && <p className={styles.none}>Nobody yet.</p>}
      <ul className={styles.people}>
        {value?.items.map(({ userId, name, readAt }) => (
          <li key={userId}>
            <Avatar id={userId} name={name ?? userId} />
            <span>{name ?? userId}</span>
            <time title={formatExact(readAt)}>
              {formatDay(readAt)}, {formatClock(readAt)}
            </time>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

export function EditsDialog({ message, onClose }: MessageDialogProps) {
  const { messages } = useClient();
  const { value, problem } = useAsked(() => messages.edits(message));
  const texts: readonly EarlierText[] = value?.items ?? [];
  return (
    <Dialog title="Earlier texts" onClose={onClose}>
      {problem !== null && <p role="alert">{problem}</p>}
      <ol className={styles.edits}>
        {texts.map(({ content, replacedAt }) => (
          <li key={replacedAt}>
            <time>until {formatExact(replacedAt)}</time>
            <p className={styles.text}>{content}</p>
          </li>
        ))}
        <li>
          <time>now</time>
          <p className={styles.text}>{message.content}</p>
        </li>
      </ol>
    </Dialog>
  );
}

export function ImageDialog({
  message,
  attachmentId,
  onClose,
}: MessageDialogProps & { readonly attachmentId: string }) {
  const attachment = message.attachments.find(({ id }) => id === attachmentId);
  return attachment === undefined ? null : <Image attachment={attachment} onClose={onClose} />;
}

function Image({ attachment, onClose }: { readonly attachment: Attachment; readonly onClose: () => void }) {
  const { fileName } = attachment;
  const url = useFileUrl(attachment);
  return (
    <Dialog
      title={fileName}
      wide
      onClose={onClose}
      actions={
        <a className={controls.button} href={url ?? undefined} download={fileName}>
          Save
        </a>
      }
    >
      <img className={styles.image} src={url ?? undefined} alt={fileName} />
    </Dialog>
  );
}
