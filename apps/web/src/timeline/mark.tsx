import type { Conversation, Message } from "@parlance/client";
import { type MessageStatus, messageStatus } from "@parlance/client/show";
import { Icon, type IconName } from "../design/icon.tsx";
import styles from "./mark.module.css";

const SHOWN: Readonly<Record<MessageStatus, readonly [IconName, string]>> = {
  sending: ["clock", "Waiting to be sent"],
  failed: ["warn", "Not sent"],
  sent: ["check", "Sent"],
  delivered: ["checks", "Delivered"],
  read: ["checks", "Read"],
};

/** How far one's own message has come. */
export function Mark({
  message,
  conversation,
}: {
  readonly message: Message;
  readonly conversation: Conversation;
}) {
  const status = messageStatus(message, conversation);
  const [icon, words] = SHOWN[status];
  return (
    <span className={styles.mark} data-status={status} role="img" aria-label={words} title={words}>
      <Icon name={icon} size={15} />
    </span>
  );
}
