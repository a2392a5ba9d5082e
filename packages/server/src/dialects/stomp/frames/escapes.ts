import { ProtocolError } from "./protocol-error.ts";
import type { StompVersion } from "./version.ts";

/** STOMP 1.0 has no escapes; 1.2 added `\r` to those of 1.1. */
const ESCAPED: Readonly<Record<StompVersion, RegExp>> = {
  "1.0": /\n/g,
  "1.1": /[\\\n:]/g,
  "1.2": /[\\\r\n:]/g,
};
const ESCAPE_OF: Readonly<Record<string, string>> = { "\\": "\\\\", "\r": "\\r", "\n": "\\n", ":": "\\c" };
const MEANING_OF: Readonly<Record<string, string>> = { "\\": "\\", r: "\r", n: "\n", c: ":" };
const SEQUENCE = /\\(.?)/gs;

/** A header's name or value as it stands in a frame. In 1.0 a line's end, which cannot be said, becomes a blank. */
export function escapeHeader(version: StompVersion, text: string): string {
  return text.replace(ESCAPED[version], (found) => (version === "1.0" ? " " : (ESCAPE_OF[found] as string)));
}

/** CONNECT and CONNECTED are not escaped in any version, so that those of 1.0 understand them. */
export function withoutLineEnds(text: string): string {
  return text.replace(/[\r\n]/g, " ");
}

/** Throws a `ProtocolError` for a sequence that the version does not define. */
export function unescapeHeader(version: StompVersion, text: string): string {
  if (version === "1.0" || !text.includes("\\")) return text;
  return text.replace(SEQUENCE, (_, letter: string) => {
    const meaning = letter === "r" && version === "1.1" ? undefined : MEANING_OF[letter];
    if (meaning === undefined) throw new ProtocolError("A header has an escape sequence that is not defined");
    return meaning;
  });
}
