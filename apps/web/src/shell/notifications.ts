import type { Client, Message } from "@parlance/client";
import { titleOf } from "@parlance/client/show";
import { plainText } from "../timeline/plain-text.tsx";
import { currentRoute, go } from "./route.ts";

export type NotificationsState = NotificationPermission | "missing";

export const notificationsState = (): NotificationsState =>
  "Notification" in globalThis ? Notification.permission : "missing";

export async function requestNotifications(): Promise<NotificationsState> {
  return "Notification" in globalThis ? await Notification.requestPermission() : "missing";
}

/** Tells of messages that come while nobody looks; the title of the page counts what is unread. Returns what ends it. */
export function startNotifications(client: Client): () => void {
  const stopMessages = client.on("message", ({ message, isOwn, isLive }) => {
    if (!isOwn && isLive && deserves(client, message)) show(client, message);
  });
  const count = (): void => {
    const { unread } = client.get("inbox");
    document.title = unread === 0 ? "Parlance" : `(${unread > 99 ? "99+" : unread}) Parlance`;
  };
  const stopCount = client.subscribe("inbox", count);
  count();
  return () => {
    stopMessages();
    stopCount();
    document.title = "Parlance";
  };
}

function deserves(client: Client, { conversationId, mentions, type }: Message): boolean {
  const conversation = client.get(`conversation:${conversationId}`);
  const me = client.get("me");
  if (notificationsState() !== "granted" || conversation === null || me === null) return false;
  if (me.status === "dnd" || conversation.muted || conversation.level === "none" || type === "system")
    return false;
  if (conversation.level === "mentions" && !mentions.includes(me.userId)) return false;
  const isLooking =
    document.hasFocus() && !document.hidden && currentRoute().conversationId === conversationId;
  return !isLooking;
}

function show(
  client: Client,
  { conversationId, id, senderId, senderName, content, attachments }: Message,
): void {
  const conversation = client.get(`conversation:${conversationId}`);
  const me = client.get("me");
  if (conversation === null || me === null) return;
  const sender = senderName ?? senderId;
  const title = conversation.kind === "direct" ? sender : `${sender} in ${titleOf(conversation, me.userId)}`;
  const text = content === "" ? attachments.map(({ fileName }) => fileName).join(", ") : plainText(content);
  // One for each conversation: the next takes the place of the last.
  const notification = new Notification(title, { body: text, tag: conversationId, icon: "/favicon.svg" });
  notification.onclick = () => {
    window.focus();
    go({ conversationId, messageId: id });
    notification.close();
  };
}
