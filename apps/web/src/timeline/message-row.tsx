import type { Conversation, Message, ParentPreview } from "@parlance/client";
import { memo } from "react";
import { Avatar } from "../design/avatar.tsx";
import { formatClock, formatDay, formatExact } from "../design/time.ts";
import { Attachments } from "./attachments.tsx";
import { Mark } from "./mark.tsx";
import { Markdown, type Names } from "./markdown.tsx";
import styles from "./message-row.module.css";
import { MessageToolbar } from "./message-toolbar.tsx";
import { plainText } from "./plain-text.tsx";
import { Reactions } from "./reactions.tsx";
import type { Row } from "./rows.ts";

/** What can be done with a message, wherever it is shown. */
export interface MessageActions {
  reply(message: Message): void;
  openThread(message: Message): void;
  edit(message: Message): void;
  remove(message: Message): void;
  react(message: Message, emoji: string): void;
  pin(message: Message): void;
  showReaders(message: Message): void;
  showEdits(message: Message): void;
  jump(messageId: string): void;
  retry(message: Message): void;
  discard(message: Message): void;
  openImage(message: Message, attachmentId: string): void;
  copy(message: Message): void;
  markUnread(message: Message): void;
  /** What is allowed of these with a message. */
  may(message: Message): May;
  /** A key that was pressed on a message; whether it meant anything. */
  key(key: string, message: Message): boolean;
}

export interface May {
  readonly reply: boolean;
  readonly react: boolean;
  readonly edit: boolean;
  readonly remove: boolean;
  readonly pin: boolean;
}

interface MessageRowProps {
  readonly row: Row;
  readonly conversation: Conversation;
  readonly names: Names;
  readonly myId: string;
  readonly actions: MessageActions;
  readonly inThread: boolean;
  /** The mouse is on it, or the keyboard in it: its buttons are shown. */
  readonly isActive: boolean;
  /** Where the Tab key comes to. */
  readonly isStop: boolean;
  /** Somebody has jumped to it. */
  readonly isLit: boolean;
}

export const MessageRow = memo(function MessageRow(props: MessageRowProps) {
  const { row, myId, inThread, isActive, isStop, isLit, actions, conversation, names } = props;
  const { message, startsDay, startsGroup, isFirstUnread } = row;
  const { senderId, senderName, createdAt, editedAt, deletedAt, parent, replyCount, pinnedAt } = message;
  const sender = senderName ?? names.get(senderId) ?? senderId;
  const isMine = senderId === myId;
  const isDeleted = deletedAt !== null;

  if (message.type === "system") {
    return (
      <>
        {startsDay && <Day at={createdAt} />}
        <article className={styles.system} tabIndex={isStop ? 0 : -1}>
          {message.content}
        </article>
      </>
    );
  }
  return (
    <>
      {startsDay && <Day at={createdAt} />}
      {isFirstUnread && <p className={styles.new}>New</p>}
      <article
        className={styles.message}
        tabIndex={isStop ? 0 : -1}
        aria-label={`${sender}, ${formatClock(createdAt)}`}
        data-group={startsGroup}
        data-active={isActive}
        data-lit={isLit}
        data-state={message.state}
        data-mentions={message.mentions.includes(myId)}
      >
        <div className={styles.gutter}>
          {startsGroup ? (
            <Avatar id={senderId} name={sender} />
          ) : (
            <time className={styles.sideTime} dateTime={new Date(createdAt).toISOString()}>
              {formatClock(createdAt)}
            </time>
          )}
        </div>
        <div className={styles.content}>
          {startsGroup && (
            <header className={styles.head}>
              <span className={styles.sender}>{sender}</span>
              <time title={formatExact(createdAt)} dateTime={new Date(createdAt).toISOString()}>
                {formatClock(createdAt)}
              </time>
              {pinnedAt !== null && <span>pinned</span>}
            </header>
          )}
          {parent !== null && !inThread && <Quote parent={parent} names={names} onJump={actions.jump} />}
          {isDeleted ? (
            <p className={styles.deleted}>This message was deleted.</p>
          ) : (
            <>
              {message.content !== "" && (
                <div className={styles.body}>
                  <Markdown text={message.content} mentioned={mentionedOf(message, names)} myId={myId} />
                  {editedAt !== null && (
                    <button
                      type="button"
                      className={styles.edited}
                      onClick={() => actions.showEdits(message)}
                    >
                      edited
                    </button>
                  )}
                </div>
              )}
              <Attachments message={message} onOpenImage={(id) => actions.openImage(message, id)} />
            </>
          )}
          <Reactions
            message={message}
            onReact={actions.may(message).react ? (emoji) => actions.react(message, emoji) : null}
          />
          {replyCount > 0 && !inThread && (
            <button type="button" className={styles.thread} onClick={() => actions.openThread(message)}>
              {replyCount === 1 ? "1 reply" : `${replyCount} replies`}
            </button>
          )}
          {message.state === "failed" && (
            <p className={styles.failed} role="alert">
              Not sent: {message.error?.message ?? "the server refused it"}.
              <button type="button" onClick={() => actions.retry(message)}>
                Try again
              </button>
              <button type="button" onClick={() => actions.discard(message)}>
                Discard
              </button>
            </p>
          )}
        </div>
        <div className={styles.end}>
          {isMine && !isDeleted && <Mark message={message} conversation={conversation} />}
        </div>
        {isActive && message.state === "stored" && !isDeleted && (
          <MessageToolbar message={message} actions={actions} isMine={isMine} inThread={inThread} />
        )}
      </article>
    </>
  );
});

function Day({ at }: { readonly at: number }) {
  return (
    <h3 className={styles.day}>
      <span>{formatDay(at)}</span>
    </h3>
  );
}

function Quote({
  parent,
  names,
  onJump,
}: {
  readonly parent: ParentPreview;
  readonly names: Names;
  readonly onJump: (id: string) => void;
}) {
  const { id, senderId, senderName, content, isDeleted, type } = parent;
  const text = isDeleted ? "message deleted" : plainText(content);
  return (
    <button type="button" className={styles.quote} onClick={() => onJump(id)}>
      <b>{senderName ?? names.get(senderId) ?? senderId}</b>{" "}
      {text === "" ? (type === "image" ? "a picture" : "a file") : text}
    </button>
  );
}

const NOBODY: Names = new Map();

function mentionedOf({ mentions }: Message, names: Names): Names {
  return mentions.length === 0 ? NOBODY : new Map(mentions.map((id) => [id, names.get(id) ?? id]));
}
