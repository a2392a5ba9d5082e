/** React's view of a client. Each hook looks at one topic and renders again when that has changed. */
import { createContext, useCallback, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { Client } from "./client.ts";
import type { FileVariant } from "./files.ts";
import type {
  Attachment,
  Connection,
  Conversation,
  Inbox,
  Me,
  Presence,
  Timeline,
  Topic,
  Topics,
  TypingUser,
} from "./model.ts";

const ClientContext = createContext<Client | null>(null);

/** `<ClientProvider value={client}>`: whom the hooks below it ask. */
export const ClientProvider = ClientContext.Provider;

export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("There is no ClientProvider above");
  return client;
}

/** Any topic. */
export function useTopic<T extends Topic>(topic: T): Topics[T] {
  const client = useClient();
  const subscribe = useCallback((listener: () => void) => client.subscribe(topic, listener), [client, topic]);
  const read = useCallback(() => client.get(topic), [client, topic]);
  return useSyncExternalStore(subscribe, read, read);
}

export const useConnection = (): Connection => useTopic("connection");
export const useMe = (): Me | null => useTopic("me");
export const useInbox = (): Inbox => useTopic("inbox");
export const useConversation = (id: string): Conversation | null => useTopic(`conversation:${id}`);
export const useTyping = (conversationId: string): readonly TypingUser[] =>
  useTopic(`typing:${conversationId}`);
export const usePresence = (userId: string): Presence => useTopic(`presence:${userId}`);

/** A conversation's messages; loads the newest page where there is none. */
export function useTimeline(conversationId: string): Timeline {
  const client = useClient();
  const timeline = useTopic(`timeline:${conversationId}`);
  const isEmpty = timeline.status === "empty";
  useEffect(() => {
    // The timeline says that it failed.
    if (isEmpty) client.history.open(conversationId).catch(() => {});
  }, [client, conversationId, isEmpty]);
  return timeline;
}

/** The replies to a message, in `messages`, and in `root` what they answer; loads them where they are not there. */
export function useThread(conversationId: string, messageId: string): Timeline {
  const client = useClient();
  const thread = useTopic(`thread:${messageId}`);
  const isEmpty = thread.status === "empty";
  useEffect(() => {
    if (isEmpty) client.history.openThread(conversationId, messageId).catch(() => {});
  }, [client, conversationId, messageId, isEmpty]);
  return thread;
}

/** Links that are shown are looked at again so often, to be renewed before they end. */
const LOOK_MS = 60_000;

/** Where a browser has a file from, for `src` and `href`; null until there is such a link. */
export function useFileUrl(attachment: Attachment, variant: FileVariant = "file"): string | null {
  const { files } = useClient();
  const isLive = useConnection().status === "live";
  const [url, setUrl] = useState(() => files.url(attachment, variant));
  // biome-ignore lint/correctness/useExhaustiveDependencies: looked up by the file's id; tried again with the next connection
  useEffect(() => {
    let isGone = false;
    const look = async (): Promise<void> => {
      const found = await files.link(attachment, variant);
      if (!isGone) setUrl(found);
    };
    // The one that is shown goes on being shown.
    const renew = (): void => void look().catch(() => {});
    renew();
    const timer = setInterval(renew, LOOK_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [files, attachment.id, variant, isLive]);
  return url;
}
