import { type Driver, sixtyBytes } from "./driver.ts";
import { topics } from "./topics.ts";

const TILDE = 0x7e;

/** Nchan: the path says which channel, and whether it is heard or spoken to; each message spoken is answered. */
export const nchanDriver: Driver = {
  ...topics,
  name: "nchan",
  readyOnOpen: true,
  upgradePath: ({ topic, listens }) => `/${listens ? "hear" : "speak"}/${topic}`,
  hello: () => [],
  kindOf: (payload) => (payload[0] === TILDE ? "receive" : "ack"),
  sender: () => sixtyBytes,
};
