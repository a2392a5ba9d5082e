/** What can be subscribed to. All of it is of the caller's own conversations: a destination names nobody. */
export const TOPICS = {
  messages: 0,
  updates: 1,
  reactions: 2,
  receipts: 3,
  typing: 4,
  presence: 5,
  acks: 6,
  errors: 7,
} as const;
export type TopicName = keyof typeof TOPICS;

const PREFIX = "/user/queue/chat/";

export const destinationOf = (topic: TopicName): string => PREFIX + topic;

const BY_DESTINATION: ReadonlyMap<string, number> = new Map(
  Object.entries(TOPICS).map(([name, topic]) => [PREFIX + name, topic]),
);

/** Of these what was missed is told to who subscribes with a position; the others are of the moment. */
export const RESUMABLE: ReadonlySet<number> = new Set([
  TOPICS.messages,
  TOPICS.updates,
  TOPICS.reactions,
  TOPICS.receipts,
]);

/** What conversations tell. */
export const HEARD: readonly number[] = [...RESUMABLE, TOPICS.typing];

export function topicOf(destination: string): number | null {
  return BY_DESTINATION.get(destination) ?? null;
}
