import { readId } from "@parlance/protocol/ids.ts";
import { type Decoded, type Driver, mark, numberIn, sixtyBytes } from "./driver.ts";

const RECEIPT = 0x52; // "R", then "ECEIPT\nreceipt-id:" and what the frame asked for
const ERROR = 0x45;
const MESSAGE = 0x4d; // "M", then "ESSAGE\nsubscription:" and its id
const RECEIPT_AT = "RECEIPT\nreceipt-id:".length;
const SUBSCRIPTION_AT = "MESSAGE\nsubscription:".length;
const READY = 0x72; // "r"; those of messages begin with "b"
const ERRORS = 0x65; // "e"

/** Parlance's stomp dialect over a plain WebSocket; an ack is the receipt of a stored message. */
export const stompDriver: Driver = {
  name: "stomp",
  ordered: true,
  readyOnOpen: false,
  upgradePath: () => "/ws-raw",
  async tokenOf(port, user) {
    const { token } = (await post(port, "/api/dev/token", { user })) as { token: string };
    return token;
  },
  hello: (_, token) => [
    `CONNECT\naccept-version:1.2\ntoken:${token}\n\n\0`,
    "SUBSCRIBE\nid:e\ndestination:/user/queue/chat/errors\n\n\0",
    "SUBSCRIBE\nid:m\ndestination:/user/queue/chat/messages\nreceipt:r\n\n\0",
  ],
  wake: [],
  kindOf(payload) {
    switch (payload[0]) {
      case MESSAGE:
        return payload[SUBSCRIPTION_AT] === ERRORS ? "error" : "receive";
      case RECEIPT:
        return payload[RECEIPT_AT] === READY ? "ready" : "ack";
      case ERROR:
        return "error";
      default:
        return "other";
    }
  },
  heartbeat: () => undefined,
  open: () => "",
  openedConversation: () => "",
  async openByRequest(port, users) {
    const answer = await post(port, "/api/v1/chats", { participants: users }, users[0] as string);
    return String(readId("conversation", (answer as { conversation_id: string }).conversation_id));
  },
  sender(conversation) {
    return (number) => {
      const key = `b${mark(number)}`;
      const head = `SEND\ndestination:/app/chat.send\nreceipt:${key}\nidempotency-key:${key}\n\n`;
      return `${head}{"conversationId":${conversation},"content":"${sixtyBytes(number)}"}\0`;
    };
  },
  decode(payload): Decoded {
    const text = payload.toString();
    const body = JSON.parse(text.slice(text.indexOf("\n\n") + 2, -1)) as Record<string, unknown>;
    return {
      conversation: String(body.conversationId),
      number: numberIn(String(body.content)),
      seq: typeof body.seq === "number" ? body.seq : undefined,
    };
  },
};

async function post(port: number, path: string, body: object, user?: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(user !== undefined && { "x-user-id": user }) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return await response.json();
}
