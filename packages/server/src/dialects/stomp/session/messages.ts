import { encodeBody, type HeaderList, headerLine } from "../frames/encode.ts";
import type { StompVersion } from "../frames/version.ts";
import { type Spelling, spell, unspell } from "../transport.ts";
import { bareMessageRecord, headersRecord, messageRecord } from "./records.ts";

/** A MESSAGE without what is personal in it. */
export interface SharedMessage {
  readonly topic: number;
  readonly destination: string;
  readonly id: string;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: HeaderList;
  /** True: goes without the listeners' own headers. */
  readonly isBare?: boolean;
}

/** A record for all listeners of a topic that speak one version over one kind of transport. */
export function encodeMessage(version: StompVersion, spelling: Spelling, message: SharedMessage): Buffer {
  const { topic, destination, id, contentType, headers = [], body } = message;
  let text =
    headerLine(version, "destination", destination) +
    headerLine(version, "message-id", id) +
    headerLine(version, "content-type", contentType);
  for (const [name, value] of headers) text += headerLine(version, name, value);
  const record = message.isBare ? bareMessageRecord : messageRecord;
  return record(topic, Buffer.from(spell(spelling, text + encodeBody(body))));
}

/** What a message's record holds, with another body. */
export function withBody(spelling: Spelling, rest: Buffer, change: (body: string) => string): Buffer {
  const text = unspell(spelling, rest.toString());
  const end = text.indexOf("\n\n");
  const head = text.slice(0, end).replace(/\ncontent-length:\d+$/, "\n");
  return Buffer.from(spell(spelling, head + encodeBody(change(text.slice(end + 2, -1)))));
}

/** A record, as a string: one listener's own headers for the messages after it in the same buffer. */
export function encodeHeaders(version: StompVersion, spelling: Spelling, headers: HeaderList): string {
  const lines = headers.map(([name, value]) => headerLine(version, name, value));
  return headersRecord(spell(spelling, lines.join("")));
}
