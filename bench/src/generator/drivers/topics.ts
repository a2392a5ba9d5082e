import { type Driver, numberIn } from "./driver.ts";

/** What the drivers of brokers share: topics that are there when somebody listens, and messages that are but a text. */
export const topics = {
  ordered: true,
  readyOnOpen: false,
  wake: [],
  heartbeat: () => undefined,
  hasTopics: true,
  open: () => "",
  openedConversation: () => "",
  decode: (payload) => ({ conversation: "", number: numberIn(payload.toString()), seq: undefined }),
} as const satisfies Partial<Driver>;
