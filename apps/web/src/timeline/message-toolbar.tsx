import type { Message } from "@parlance/client";
import { useLayoutEffect, useRef, useState } from "react";
import { IconButton } from "../design/icon-button.tsx";
import { Menu, MenuItem, MenuLine } from "../design/menu.tsx";
import { EmojiButton } from "./emoji-button.tsx";
import type { MessageActions } from "./message-row.tsx";
import styles from "./message-toolbar.module.css";

const QUICK = ["👍", "❤️", "😂"] as const;

interface MessageToolbarProps {
  readonly message: Message;
  readonly actions: MessageActions;
  readonly isMine: boolean;
  readonly inThread: boolean;
}

/** What can be done with the message the mouse is on. */
export function MessageToolbar({ message, actions, isMine, inThread }: MessageToolbarProps) {
  const may = actions.may(message);
  const [isOpen, setOpen] = useState(false);
  const bar = useRef<HTMLDivElement>(null);

  // Of a message whose beginning is out of sight it stands where it can be seen.
  useLayoutEffect(() => {
    const element = bar.current;
    const window = element?.closest("section")?.parentElement;
    if (element === null || window == null) return;
    const hidden = window.getBoundingClientRect().top - element.getBoundingClientRect().top;
    if (hidden > 0) element.style.top = `${element.offsetTop + hidden}px`;
  }, []);

  return (
    <div
      ref={bar}
      className={styles.toolbar}
      role="toolbar"
      aria-label="With this message"
      data-open={isOpen}
    >
      {may.react && (
        <>
          {QUICK.map((emoji) => (
            <button
              key={emoji}
              type="button"
              className={styles.quick}
              aria-label={`React with ${emoji}`}
              aria-pressed={message.ownReactions.includes(emoji)}
              onClick={() => actions.react(message, emoji)}
            >
              {emoji}
            </button>
          ))}
          <EmojiButton
            label="Other reactions"
            onPick={(emoji) => actions.react(message, emoji)}
            onOpenChange={setOpen}
          />
        </>
      )}
      {may.reply && (
        <IconButton icon="reply" label="Reply (R)" size={18} onClick={() => actions.reply(message)} />
      )}
      {may.reply && !inThread && (
        <IconButton
          icon="thread"
          label="Open thread (T)"
          size={18}
          onClick={() => actions.openThread(message)}
        />
      )}
      <Menu onOpenChange={setOpen} trigger={<IconButton icon="menu" label="More" size={18} />}>
        {may.edit && (
          <MenuItem icon="edit" onSelect={() => actions.edit(message)}>
            Edit
          </MenuItem>
        )}
        {message.content !== "" && (
          <MenuItem icon="copy" onSelect={() => actions.copy(message)}>
            Copy text
          </MenuItem>
        )}
        {may.pin && (
          <MenuItem icon="pin" onSelect={() => actions.pin(message)}>
            {message.pinnedAt === null ? "Pin for everybody" : "Unpin"}
          </MenuItem>
        )}
        <MenuItem icon="checks" onSelect={() => actions.showReaders(message)}>
          Who has read this
        </MenuItem>
        {!isMine && !inThread && (
          <MenuItem icon="unread" onSelect={() => actions.markUnread(message)}>
            Mark unread from here
          </MenuItem>
        )}
        {may.remove && (
          <>
            <MenuLine />
            <MenuItem icon="trash" danger onSelect={() => actions.remove(message)}>
              Delete for everybody
            </MenuItem>
          </>
        )}
      </Menu>
    </div>
  );
}
