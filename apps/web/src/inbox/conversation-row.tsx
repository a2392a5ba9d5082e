import type { Conversation, Message } from "@parlance/client";
import { useClient, useConversation, useMe, usePresence, useTyping } from "@parlance/client/react";
import { otherOf, titleOf } from "@parlance/client/show";
import { memo, useState } from "react";
import { Avatar } from "../design/avatar.tsx";
import { Icon } from "../design/icon.tsx";
import { IconButton } from "../design/icon-button.tsx";
import { Menu, MenuItem, MenuLine } from "../design/menu.tsx";
import { formatWhen } from "../design/time.ts";
import { useDraft } from "../shell/drafts.ts";
import { spellRoute } from "../shell/route.ts";
import { useTold } from "../shell/told.tsx";
import { plainText } from "../timeline/plain-text.tsx";
import styles from "./sidebar.module.css";

interface RowProps {
  readonly id: string;
  readonly isOpen: boolean;
}

export const ConversationRow = memo(function ConversationRow({ id, isOpen }: RowProps) {
  const conversation = useConversation(id);
  const me = useMe();
  if (conversation === null || me === null) return null;
  return <Row conversation={conversation} myId={me.userId} isOpen={isOpen} />;
});

function Row({
  conversation,
  myId,
  isOpen,
}: {
  readonly conversation: Conversation;
  readonly myId: string;
  readonly isOpen: boolean;
}) {
  const { id, unread, unreadMentions, muted, pinned, lastMessage, lastActivityAt } = conversation;
  const other = otherOf(conversation, myId);
  const presence = usePresence(other?.userId ?? "");
  const typing = useTyping(id);
  const draft = useDraft(id);
  const [menuOpen, setMenuOpen] = useState(false);
  const title = titleOf(conversation, myId);
  const isLoud = unread > 0 && !muted;

  return (
    <li className={styles.row} data-open={isOpen} data-menu={menuOpen}>
      <a
        href={spellRoute({ conversationId: id })}
        className={styles.rowLink}
        aria-current={isOpen ? "page" : undefined}
      >
        <Avatar
          id={other?.userId ?? id}
          name={title}
          kind={other === null ? "group" : "person"}
          status={other === null || other.userId === myId ? undefined : presence.status}
        />
        <span className={styles.rowText}>
          <span className={styles.rowTop}>
            <span className={styles.rowTitle} data-loud={isLoud}>
              {title}
            </span>
            {pinned && <Icon name="pin" size={14} />}
            {muted && <Icon name="bellOff" size={14} />}
            <time className={styles.rowTime}>{formatWhen(lastActivityAt)}</time>
          </span>
          <span className={styles.rowBottom}>
            <span className={styles.snippet} data-loud={isLoud}>
              {typing.length > 0 ? (
                <em>
                  {typing.length === 1
                    ? `${typing[0]?.name ?? typing[0]?.userId} is typing…`
                    : "several are typing…"}
                </em>
              ) : draft !== "" && !isOpen ? (
                <>
                  <b className={styles.draft}>Draft:</b> {draft}
                </>
              ) : (
                <Snippet message={lastMessage} myId={myId} inGroup={other === null} />
              )}
            </span>
            {unread > 0 && (
              <span className={styles.badge} data-muted={muted}>
                {unreadMentions > 0 && <span aria-hidden="true">@</span>}
                {unread > 99 ? "99+" : unread}
                <span className="visually-hidden">
                  {" "}
                  unread{unreadMentions > 0 ? ", you are mentioned" : ""}
                </span>
              </span>
            )}
          </span>
        </span>
      </a>
      <RowMenu conversation={conversation} onOpenChange={setMenuOpen} />
    </li>
  );
}

function Snippet({
  message,
  myId,
  inGroup,
}: {
  readonly message: Message | null;
  readonly myId: string;
  readonly inGroup: boolean;
}) {
  if (message === null) return "Nothing said yet";
  const { senderId, senderName, deletedAt, content, attachments, type } = message;
  const by = senderId === myId ? "You: " : inGroup && type !== "system" ? `${senderName ?? senderId}: ` : "";
  if (deletedAt !== null) return `${by}message deleted`;
  const files = attachments.map(({ fileName }) => fileName).join(", ");
  return `${by}${content === "" ? files : plainText(content)}`;
}

function RowMenu({
  conversation,
  onOpenChange,
}: {
  readonly conversation: Conversation;
  readonly onOpenChange: (open: boolean) => void;
}) {
  const { conversations } = useClient();
  const told = useTold();
  const { id, pinned, muted, archived, unread, lastMessage } = conversation;
  return (
    <Menu
      onOpenChange={onOpenChange}
      trigger={<IconButton icon="menu" label="More" size={18} className={styles.rowMenu ?? ""} />}
    >
      {unread > 0 ? (
        <MenuItem icon="check" onSelect={() => conversations.markRead(id)}>
          Mark as read
        </MenuItem>
      ) : (
        lastMessage !== null && (
          <MenuItem icon="unread" onSelect={() => told(conversations.markUnread(id, lastMessage.id))}>
            Mark as unread
          </MenuItem>
        )
      )}
      <MenuItem icon="pin" onSelect={() => told(conversations.pin(id, !pinned))}>
        {pinned ? "Unpin from the top" : "Pin to the top"}
      </MenuItem>
      <MenuItem icon={muted ? "bell" : "bellOff"} onSelect={() => told(conversations.mute(id, !muted))}>
        {muted ? "Unmute" : "Mute"}
      </MenuItem>
      <MenuLine />
      <MenuItem icon="archive" onSelect={() => told(conversations.archive(id, !archived))}>
        {archived ? "Move back to the list" : "Archive"}
      </MenuItem>
    </Menu>
  );
}
