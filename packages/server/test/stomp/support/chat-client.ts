import { crc32 } from "node:zlib";
import { expect } from "vitest";
import type { ServerProcess } from "../../support/server.ts";
import { conversationOf, openLive, tokenOf } from "./live-client.ts";

/** The document's own client, as printed: a class that needs the globals `SockJS`, `Stomp` and `console`. */
const PRINTED = `class ChatClient {
constructor(token) {
this.token = token;
this.stompClient = null;
}
connect() {
const socket = new SockJS('/ws/chat');
this.stompClient = Stomp.over(socket);
this.stompClient.connect(
{ Authorization: \`Bearer \${this.token}\` },
() => this.onConnected(),
(error) => this.onError(error)
);
}
onConnected() {
// Subscribe to messages
this.stompClient.subscribe('/user/queue/chat/messages', (message) => {
const msg = JSON.parse(message.body);
console.log('New message:', msg);
});
// Subscribe to typing indicators
this.stompClient.subscribe('/user/queue/chat/typing', (message) => {
const typing = JSON.parse(message.body);
console.log('Typing:', typing);
});
// Subscribe to presence updates
this.stompClient.subscribe('/user/queue/chat/presence', (message) => {
const presence = JSON.parse(message.body);
console.log('Presence:', presence);
});
// Set online status
this.stompClient.send('/app/chat.presence', {}, JSON.stringify({
online: true,
deviceType: 'web'
}));
}
sendMessage(conversationId, content) {
this.stompClient.send('/app/chat.send', {}, JSON.stringify({
conversationId,
content,
messageType: 'TEXT'
}));
}
startTyping(conversationId) {
this.stompClient.send('/app/chat.typing', {}, JSON.stringify({
conversationId,
typing: true
}));
}
stopTyping(conversationId) {
this.stompClient.send('/app/chat.typing', {}, JSON.stringify({
conversationId,
typing: false
}));
}
markAsRead(conversationId) {
this.stompClient.send('/app/chat.markRead', {}, JSON.stringify({
conversationId
}));
}
addReaction(messageId, conversationId, emoji) {
this.stompClient.send('/app/chat.reaction', {}, JSON.stringify({
messageId,
conversationId,
emoji,
add: true
}));
}
disconnect() {
if (this.stompClient) {
this.stompClient.disconnect();
}
}
}`;

/** One `ChatClient` that has connected. */
export interface Chat {
  /** What its `console.log` was given. */
  readonly heard: readonly Heard[];
  /** One of the class's own methods. */
  call(method: string, ...args: readonly unknown[]): Promise<void>;
  close(): Promise<void>;
}
export interface Heard {
  readonly word: string;
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  readonly body: any;
}

/**
 * A function of a token and a log that resolves with a connected `ChatClient`, as text for Node and browsers. The class
 * has no `onError` of its own, though it calls it, and does not say when it is connected: those are added.
 */
export const chatClient = (serverUrl: string): string => `(token, log) => new Promise((resolve, reject) => {
  const console = { log };
  ${PRINTED.replace("'/ws/chat'", `'${serverUrl}/ws/chat'`)}
  const chat = new (class extends ChatClient {
    onConnected() {
      super.onConnected();
      // Over plain HTTP its subscriptions are still on their way: the receipt of one more says that they have arrived.
      this.stompClient.onreceipt = () => resolve(chat);
      this.stompClient.subscribe('/user/queue/chat/errors', () => {}, { receipt: 'subscribed' });
    }
    onError(error) { reject(new Error(error.headers?.message ?? "the connection was lost")); }
  })(token);
  chat.connect();
  chat.stompClient.debug = () => {};
})`;

const PATIENCE_MS = 15_000;

async function until(chat: Chat, word: string, fits: (body: Heard["body"]) => boolean = () => true) {
  const find = () => chat.heard.find((heard) => heard.word === word && fits(heard.body));
  await expect.poll(find, { timeout: PATIENCE_MS, message: word }).toBeDefined();
  return find()?.body;
}

/**
 * Two people with the document's client: each of its methods, and what comes of it.
 * @param key makes the two this talk's own
 */
export async function talk(
  server: ServerProcess,
  key: string,
  open: (token: string) => Promise<Chat>,
): Promise<void> {
  const people = [String(crc32(key)), `jane-${key}`] as const;
  const conversation = await conversationOf(server, people);
  const [first, second] = [await tokenOf(server, people[0], "John Doe"), await tokenOf(server, people[1])];
  const john = await open(first);
  const jane = await open(second);
  await until(john, "Presence:", ({ userId, online }) => userId === people[1] && online);

  const text = 'Hello, "everyone"! \\ ünï 👍 \u2028 \u200d end';
  await john.call("sendMessage", conversation, text);
  const told = await until(jane, "New message:");
  expect(told).toMatchObject({
    conversationId: conversation,
    content: text,
    messageType: "TEXT",
    senderId: Number(people[0]),
    senderName: "John Doe",
  });
  expect(await until(john, "New message:")).toEqual(told);

  await john.call("startTyping", conversation);
  await until(jane, "Typing:", ({ typing, userId }) => typing && userId === Number(people[0]));
  await john.call("stopTyping", conversation);
  await until(jane, "Typing:", ({ typing }) => !typing);

  using watcher = await openLive(server, people[0]);
  await watcher.subscribe("reactions");
  await watcher.subscribe("receipts");
  await jane.call("addReaction", told.id, conversation, "👍");
  expect((await watcher.until("reactions")).body).toMatchObject({ summary: { "👍": 1 }, added: true });
  await jane.call("markAsRead", conversation);
  expect((await watcher.until("receipts")).body).toMatchObject({ lastReadMessageId: told.id });

  await jane.call("disconnect");
  await until(john, "Presence:", ({ userId, online }) => userId === people[1] && !online);
  await Promise.all([john.close(), jane.close()]);
}
