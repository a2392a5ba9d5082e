import { encodeBody, type HeaderList, headerLine } from "../frames/encode.ts";
import type { StompVersion } from "../frames/version.ts";
import { type Spelling, spell } from "../transport.ts";
import { headersRecord, messageRecord } from "./records.ts";

/** A MESSAGE without what is personal in it. */
export interface SharedMessage {
  readonly topic: number;
  readonly destination: string;
  readonly id: string;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: HeaderList;
}

/** A record for all listeners of a topic that speak one version over one kind of transport. */
export function encodeMessage(version: StompVersion, spelling: Spelling, message: SharedMessage): Buffer {
  const { topic, destination, id, contentType, headers = [], body } = message;
  let text =
    headerLine(version, "destination", destination) +
    headerLine(version, "message-id", id) +
    headerLine(version, "content-type", contentType);
  for (const [name, value] of headers) text += headerLine(version, name, value);
  return messageRecord(topic, Buffer.from(spell(spelling, text + encodeBody(body))));
}

/** A record, as a string: one listener's own headers for the messages after it in the same buffer. */
export function encodeHeaders(version: StompVersion, spelling: Spelling, headers: HeaderList): string {
  const lines = headers.map(([name, value]) => headerLine(version, name, value));
  return headersRecord(spell(spelling, lines.join("")));
}
