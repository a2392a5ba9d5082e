import { type Driver, type DriverName, type FrameKind, mark, sixtyBytes } from "./driver.ts";
import { topics } from "./topics.ts";

const READY = "RECEIPT\nreceipt-id:ready\n";
const CONNECT = "CONNECT\naccept-version:1.2\nlogin:guest\npasscode:guest\nhost:/\nheart-beat:0,0\n\n\0";
/** Who only sends has nothing else to wait for. */
const NOTHING = ["BEGIN\ntransaction:t\n\n\0", "ABORT\ntransaction:t\nreceipt:ready\n\n\0"];

/** Where a topic is heard and spoken to, and what the frames for it say besides: lines with their ends. */
type Destination = { hears: string; subscribe: string; speaks: string; send: string };

/**
 * RabbitMQ by STOMP over its web-stomp plugin. A receipt is a publisher confirm: the plugin puts the channel into
 * confirm mode for a frame that asks for one, and answers when the broker has confirmed.
 */
function rabbitmq(name: DriverName, { hears, subscribe, speaks, send }: Destination): Driver {
  return {
    ...topics,
    name,
    upgradePath: () => "/ws",
    hello: ({ topic, listens }) =>
      listens
        ? [CONNECT, `SUBSCRIBE\nid:m\ndestination:${hears}${topic}\n${subscribe}receipt:ready\n\n\0`]
        : [CONNECT, ...NOTHING],
    kindOf(payload): FrameKind {
      switch (payload[0]) {
        case 0x4d: // MESSAGE
          return "receive";
        case 0x52: // RECEIPT
          return payload.toString("latin1", 0, READY.length) === READY ? "ready" : "ack";
        case 0x45: // ERROR
          return "error";
        default:
          return "other";
      }
    },
    sender(topic) {
      const head = `SEND\ndestination:${speaks}${topic}\n${send}receipt:b`;
      return (number) => `${head}${mark(number)}\n\n${sixtyBytes(number)}\0`;
    },
  };
}

/** A durable queue of Raft's for each receiver, confirmed when a quorum has it on disk. */
export const rabbitmqQueueDriver = rabbitmq("rabbitmq-queue", {
  hears: "/queue/",
  subscribe: "durable:true\nauto-delete:false\nx-queue-type:quorum\n",
  // The receiver has declared it: nothing is left to be done for a message but to take it.
  speaks: "/amq/queue/",
  send: "persistent:true\n",
});

/** A transient queue for each listener, all bound to one topic. */
export const rabbitmqTopicDriver = rabbitmq("rabbitmq-topic", {
  hears: "/topic/",
  subscribe: "",
  speaks: "/topic/",
  send: "",
});
