import type { Event, MessageStored, MessageUpdated, Signal } from "@parlance/protocol/events.ts";
import type { Codec } from "../../../delivery/outlet.ts";
import type { HeaderList } from "../frames/encode.ts";
import { encodeHeaders, encodeMessage } from "../session/messages.ts";
import { messageOf } from "../shapes/messages.ts";
import { presenceOf } from "../shapes/people.ts";
import type { Spelling } from "../transport.ts";
import {
  conversationUpdateOf,
  entryUpdateOf,
  messageUpdateOf,
  reactionOf,
  reactionStateOf,
  receiptBroadcastOf,
  typingOf,
} from "./told.ts";
import { destinationOf, TOPICS, type TopicName } from "./topics.ts";

export interface Message {
  readonly topic: TopicName;
  readonly id: string;
  readonly body: object;
  readonly headers?: HeaderList;
  readonly isBare?: boolean;
}

/** The words of all who are told over one kind of transport. */
export interface StompCodec extends Codec {
  message(message: Message): Buffer;
}

export type Codecs = Readonly<Record<Spelling, StompCodec>>;

/** Any would do: nothing in our headers needs an escape, which is all that versions differ in here. */
const VERSION = "1.2";

/** @param maxFileSizeMb the server's own limit */
export function createCodecs(maxFileSizeMb: number): Codecs {
  return { plain: createCodec("plain", maxFileSizeMb), json: createCodec("json", maxFileSizeMb) };
}

function createCodec(spelling: Spelling, maxFileSizeMb: number): StompCodec {
  let signals = 0;

  const message = ({ topic, id, body, headers = [], isBare = false }: Message): Buffer =>
    encodeMessage(VERSION, spelling, {
      topic: TOPICS[topic],
      destination: destinationOf(topic),
      id,
      contentType: "application/json",
      headers,
      isBare,
      body: JSON.stringify(body),
    });
  const told = (topic: TopicName, id: string, body: object): Buffer => message({ topic, id, body });

  /** What goes before another message of the same tick: only with the last of them is a client told all of it. */
  const bare = (topic: TopicName, id: string, body: object): Buffer =>
    message({ topic, id, body, isBare: true });
  const bareReactions = (event: MessageStored | MessageUpdated): Buffer =>
    bare("reactions", `r${event.conversationId}-${event.seq}`, reactionStateOf(event));
  const bareChanges = (event: MessageStored): Buffer[] => [
    bareReactions(event),
    bare("updates", `m${event.conversationId}-${event.seq}`, messageUpdateOf(event)),
  ];

  function ofEvent(event: Event): Buffer {
    const tick = `${event.conversationId}-${event.seq}`;
    switch (event.type) {
      case "message.stored": {
        const { message } = event;
        const stored = told("messages", String(message.id), messageOf(message, null));
        // Caught up with and changed since: who goes on with the changes from further back may know how it was.
        return message.rev === message.seq ? stored : Buffer.concat([...bareChanges(event), stored]);
      }
      case "reaction.changed":
        return told("reactions", `r${tick}`, reactionOf(event));
      case "conversation.changed":
        return told("updates", `c${tick}`, conversationUpdateOf(event, maxFileSizeMb));
      case "message.updated": {
        const update = told("updates", `m${tick}`, messageUpdateOf(event));
        // Caught up with: its reactions may be what has changed.
        return event.change !== undefined ? update : Buffer.concat([bareReactions(event), update]);
      }
    }
  }

  function ofSignal(signal: Signal): Buffer | null {
    const id = `s${++signals}`;
    switch (signal.type) {
      case "typing":
        return told("typing", id, typingOf(signal));
      case "receipt":
        return signal.read && signal.marks.readMessageId !== null
          ? told("receipts", id, receiptBroadcastOf(signal.conversationId, signal.marks))
          : null;
      case "presence":
        return told("presence", id, presenceOf(signal));
      case "entry":
        return told("updates", id, entryUpdateOf(signal.entry, maxFileSizeMb));
    }
  }

  return {
    message,
    stamp: (position) => encodeHeaders(VERSION, spelling, [["position", position]]),
    events(events) {
      const records = events.map(ofEvent);
      return records.length === 1 ? (records[0] as Buffer) : Buffer.concat(records);
    },
    signal: ofSignal,
    position: () => null,
  };
}
