import type { Conversation, Message } from "@parlance/client";
import { useClient, useMe } from "@parlance/client/react";
import { type ReactNode, useMemo, useState } from "react";
import { go } from "../shell/route.ts";
import { useSay, useTold } from "../shell/told.tsx";
import type { Writing } from "./composer.tsx";
import { EditsDialog, ImageDialog, ReadersDialog, RemoveDialog } from "./message-dialogs.tsx";
import type { May, MessageActions } from "./message-row.tsx";

type Shown =
  | { readonly kind: "remove" | "readers" | "edits"; readonly message: Message }
  | { readonly kind: "image"; readonly message: Message; readonly attachmentId: string };

/** What can be done with the messages of a conversation, and the windows some of it needs. */
export function useActions(
  conversation: Conversation,
  onWriting: (writing: Writing) => void,
): { readonly actions: MessageActions; readonly dialogs: ReactNode } {
  const { messages, conversations } = useClient();
  const me = useMe();
  const told = useTold();
  const say = useSay();
  const [shown, setShown] = useState<Shown | null>(null);
  const { id, kind, ownRole, settings, blocked } = conversation;
  const myId = me?.userId ?? "";

  const actions = useMemo((): MessageActions => {
    const isAdmin = ownRole === "owner" || ownRole === "admin";
    const may = ({ senderId, state, deletedAt }: Message): May => {
      const isThere = state === "stored" && deletedAt === null;
      return {
        reply: isThere && settings.allowReplies && !blocked,
        react: isThere && settings.allowReactions && !blocked,
        edit: isThere && senderId === myId,
        remove: isThere && (senderId === myId || isAdmin),
        pin: isThere && (isAdmin || kind === "direct"),
      };
    };
    const openThread = (message: Message): void =>
      go({ conversationId: id, panel: { kind: "thread", messageId: message.id } });
    const reply = (to: Message): void => onWriting({ kind: "reply", to });
    const edit = (message: Message): void => onWriting({ kind: "edit", message });
    const remove = (message: Message): void => setShown({ kind: "remove", message });
    return {
      reply,
      openThread,
      edit,
      remove,
      react: (message, emoji) => told(messages.react(message, emoji)),
      pin: (message) => told(messages.pin(message, message.pinnedAt === null)),
      showReaders: (message) => setShown({ kind: "readers", message }),
      showEdits: (message) => setShown({ kind: "edits", message }),
      openImage: (message, attachmentId) => setShown({ kind: "image", message, attachmentId }),
      jump: (messageId) => go({ conversationId: id, messageId }),
      retry: (message) => messages.retry(message.key),
      discard: (message) => messages.discard(message.key),
      copy: (message) =>
        navigator.clipboard.writeText(message.content).then(
          () => say("Copied."),
          () => say("The browser does not let this page copy."),
        ),
      markUnread: (message) => {
        told(conversations.markUnread(id, message.id));
        go({});
      },
      may,
      key(key, message) {
        const allowed = may(message);
        const does: Readonly<Record<string, (() => void) | false>> = {
          r: allowed.reply && (() => reply(message)),
          t: allowed.reply && (() => openThread(message)),
          e: allowed.edit && (() => edit(message)),
          l: allowed.react && (() => told(messages.react(message, "👍"))),
          Delete: allowed.remove && (() => remove(message)),
        };
        // One letter may come as a capital.
        const found = does[key.length === 1 ? key.toLowerCase() : key];
        if (!found) return false;
        found();
        return true;
      },
    };
  }, [messages, conversations, told, say, onWriting, id, kind, ownRole, settings, blocked, myId]);

  const close = (): void => setShown(null);
  return { actions, dialogs: windowOf(shown) };

  function windowOf(wanted: Shown | null): ReactNode {
    if (wanted === null) return null;
    const { message } = wanted;
    switch (wanted.kind) {
      case "remove":
        return <RemoveDialog message={message} onClose={close} onConfirm={() => remove(message)} />;
      case "readers":
        return <ReadersDialog message={message} onClose={close} />;
      case "edits":
        return <EditsDialog message={message} onClose={close} />;
      case "image":
        return <ImageDialog message={message} attachmentId={wanted.attachmentId} onClose={close} />;
    }
  }

  function remove(message: Message): void {
    close();
    told(messages.remove(message));
  }
}
