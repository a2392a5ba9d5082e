import type { ClientError, Conversation, Presence } from "@parlance/client";
import {
  useClient,
  useConnection,
  useConversation,
  useInbox,
  useMe,
  usePresence,
  useTopic,
} from "@parlance/client/react";
import { otherOf, titleOf } from "@parlance/client/show";
import { type DragEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Avatar } from "../design/avatar.tsx";
import controls from "../design/controls.module.css";
import { IconButton } from "../design/icon-button.tsx";
import { formatAgo } from "../design/time.ts";
import { readDraft } from "../shell/drafts.ts";
import { currentRoute, go, type Panel, useRoute } from "../shell/route.ts";
import { useTold } from "../shell/told.tsx";
import { Arrivals } from "./arrivals.tsx";
import { Composer, type ComposerHandle, type Writing } from "./composer.tsx";
import styles from "./conversation-view.module.css";
import { MessageList } from "./message-list.tsx";
import { TypingLine } from "./typing-line.tsx";
import { useActions } from "./use-actions.tsx";
import { useNames } from "./use-names.ts";

/** Why a conversation cannot be had, rather than not now. */
const NOT_MINE: ReadonlySet<string> = new Set(["not_participant", "not_found", "forbidden", "invalid"]);

/** One conversation: what was said in it, and where one says more. */
export function ConversationView({ id }: { readonly id: string }) {
  const client = useClient();
  const conversation = useConversation(id);
  const inbox = useInbox();
  const isLive = useConnection().status === "live";
  const [isUnknown, setUnknown] = useState(false);

  // One that is not in the list, such as by a link or behind its first page.
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again with the next connection
  useEffect(() => {
    setUnknown(false);
    if (conversation !== null || inbox.status === "loading" || inbox.status === "empty") return;
    client.conversations.load(id).catch(({ code }: ClientError) => setUnknown(NOT_MINE.has(code)));
  }, [client, id, conversation, inbox.status, isLive]);

  if (conversation !== null) return <Opened conversation={conversation} />;
  return isUnknown ? <Gone id={id} /> : <div className={styles.view} />;
}

function Gone({ id }: { readonly id: string }) {
  const draft = readDraft(id);
  return (
    <section className={styles.gone}>
      <p role="alert">You are not in this conversation, or not any more.</p>
      {draft !== "" && (
        <>
          <p>What you had written is not lost:</p>
          <textarea
            className={controls.field}
            readOnly
            rows={6}
            value={draft}
            aria-label="What you had written"
          />
        </>
      )}
      <button type="button" className={controls.button} onClick={() => go({})}>
        Back to the conversations
      </button>
    </section>
  );
}

function Opened({ conversation }: { readonly conversation: Conversation }) {
  const client = useClient();
  const me = useMe();
  const { id, settings } = conversation;
  const timeline = useTopic(`timeline:${id}`);
  const route = useRoute();
  const names = useNames(conversation);
  const [writing, setWriting] = useState<Writing>({ kind: "new" });
  const [sent, setSent] = useState(0);
  const [isDropping, setDropping] = useState(false);
  const composer = useRef<ComposerHandle>(null);
  const { actions, dialogs } = useActions(conversation, setWriting);
  const title = titleOf(conversation, me?.userId ?? "");
  const wanted = route.conversationId === id ? route.messageId : null;
  const isEmpty = timeline.status === "empty";

  // Where it begins: at a message that was asked for, else at the live end.
  useEffect(() => {
    if (wanted !== null) client.history.jump(id, wanted).catch(() => {});
    else client.history.open(id).catch(() => {});
  }, [client, id, wanted]);

  // All was forgotten, after a reset.
  useEffect(() => {
    if (isEmpty && currentRoute().messageId === null) client.history.open(id).catch(() => {});
  }, [client, id, isEmpty]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each time one comes here, also by the same address
  const target = useMemo(() => (wanted === null ? null : { messageId: wanted }), [route]);

  useEffect(() => {
    if (window.matchMedia("(hover: hover)").matches) composer.current?.focus();
  }, []);

  const editLast = useCallback(() => {
    const last = timeline.messages.findLast((message) => actions.may(message).edit);
    if (last !== undefined) setWriting({ kind: "edit", message: last });
  }, [timeline.messages, actions]);

  function drag(event: DragEvent, isOver: boolean): void {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setDropping(isOver);
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files are dropped here; the button is for the keyboard
    <div
      className={styles.view}
      onDragOver={(event) => drag(event, true)}
      onDragLeave={(event) =>
        !event.currentTarget.contains(event.relatedTarget as Node) && drag(event, false)
      }
      onDrop={(event) => {
        drag(event, false);
        composer.current?.addFiles([...event.dataTransfer.files]);
      }}
    >
      <Head conversation={conversation} title={title} />
      {timeline.status === "failed" ? (
        <div className={styles.failed}>
          <p role="alert">The messages could not be loaded. {timeline.error?.message}</p>
          <button
            type="button"
            className={controls.button}
            onClick={() => void client.history.open(id).catch(() => {})}
          >
            Try again
          </button>
        </div>
      ) : timeline.status === "ready" && timeline.messages.length === 0 ? (
        <Beginning conversation={conversation} title={title} />
      ) : (
        <MessageList
          conversation={conversation}
          timeline={timeline}
          target={target}
          sent={sent}
          names={names}
          actions={actions}
          label={`Messages with ${title}`}
        />
      )}
      <Arrivals conversationId={id} />
      <TypingLine conversationId={id} />
      {conversation.blocked ? (
        <Blocked conversation={conversation} />
      ) : (
        <Composer
          conversation={conversation}
          place={id}
          writing={writing}
          onWriting={setWriting}
          placeholder={`Message ${title}`}
          onSent={() => setSent(sent + 1)}
          onEditLast={editLast}
          handle={composer}
        />
      )}
      {isDropping && settings.allowFileUploads && <div className={styles.drop}>Drop files to send them</div>}
      {dialogs}
    </div>
  );
}

function Head({ conversation, title }: { readonly conversation: Conversation; readonly title: string }) {
  const me = useMe();
  const { panel } = useRoute();
  const { id, participantCount, description } = conversation;
  const other = otherOf(conversation, me?.userId ?? "");
  const presence = usePresence(other?.userId ?? "");
  const isOneself = other?.userId === me?.userId;

  function toggle(kind: Exclude<Panel["kind"], "thread">): void {
    go({ conversationId: id, panel: panel?.kind === kind ? null : { kind } });
  }

  return (
    <header className={styles.head}>
      <IconButton
        icon="back"
        label="Back to the conversations"
        className={styles.back ?? ""}
        onClick={() => go({})}
      />
      <div className={styles.title}>
        <button
          type="button"
          className={styles.cover}
          onClick={() => toggle("details")}
          aria-label={`About ${title}`}
        />
        <Avatar
          id={other?.userId ?? id}
          name={title}
          kind={other === null ? "group" : "person"}
          status={other === null || isOneself ? undefined : presence.status}
        />
        <div>
          <h1>{title}</h1>
          <small>
            {other === null
              ? [participantCount === 1 ? "1 person" : `${participantCount} people`, description]
                  .filter(Boolean)
                  .join(" · ")
              : isOneself
                ? "Notes to yourself"
                : presenceWords(presence)}
          </small>
        </div>
      </div>
      <IconButton
        icon="pin"
        label="Pinned messages"
        aria-pressed={panel?.kind === "pins"}
        onClick={() => toggle("pins")}
      />
      <IconButton
        icon="file"
        label="Files"
        aria-pressed={panel?.kind === "files"}
        onClick={() => toggle("files")}
      />
      <IconButton
        icon="info"
        label="Details"
        aria-pressed={panel?.kind === "details"}
        onClick={() => toggle("details")}
      />
    </header>
  );
}

function presenceWords({ status, lastSeenAt }: Presence): string {
  if (status === "online") return "Online";
  if (status === "away") return "Away";
  if (status === "dnd") return "Do not disturb";
  return lastSeenAt === null ? "Offline" : `Last seen ${formatAgo(lastSeenAt)}`;
}

function Beginning({ conversation, title }: { readonly conversation: Conversation; readonly title: string }) {
  return (
    <div className={styles.beginning}>
      <Avatar
        id={conversation.id}
        name={title}
        kind={conversation.kind === "group" ? "group" : "person"}
        size="l"
      />
      <h2>{title}</h2>
      <p>Nothing was said here yet.</p>
    </div>
  );
}

function Blocked({ conversation }: { readonly conversation: Conversation }) {
  const me = useMe();
  const { people } = useClient();
  const told = useTold();
  const other = otherOf(conversation, me?.userId ?? "");
  if (other === null) return null;
  return (
    <p className={styles.blocked}>
      You have blocked {other.name ?? other.userId}.
      <button
        type="button"
        className={`${controls.button} ${controls.small}`}
        onClick={() => told(people.block(other.userId, false))}
      >
        Unblock
      </button>
    </p>
  );
}
