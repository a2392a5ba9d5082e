import { isUtf8 } from "node:buffer";
import { unescapeHeader } from "./escapes.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { StompVersion } from "./version.ts";

/** One frame as it came; of a header that comes twice the first counts. */
export interface Frame {
  readonly command: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface FrameLimits {
  /** Command and headers together, with their line ends. */
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly maxBodyBytes: number;
}

interface Head {
  readonly command: string;
  readonly headers: ReadonlyMap<string, string>;
  /** Of the body, where it is said; else the body ends at the first NUL. */
  readonly bodyBytes: number | null;
}

const EMPTY: Buffer = Buffer.alloc(0);
const NUL = 0;
const LF = 10;
const CR = 13;

/** These two are never escaped, whatever the version. */
const UNESCAPED: ReadonlySet<string> = new Set(["CONNECT", "STOMP"]);

/**
 * Reads frames from bytes that come in pieces of any size. Frames are taken one at a time, so that `version` may
 * change between two of them. What it holds is bounded by the limits and by what was added and not taken.
 */
export class FrameParser {
  /** Whose rules the next frame follows; those of 1.2 before anything was agreed. */
  version: StompVersion = "1.2";
  /** Of the next frame; may change as `version` may. */
  maxBodyBytes: number;
  readonly #limits: FrameLimits;
  #data: Buffer = EMPTY;
  #at = 0;
  /** What came after `#data`; joined to it only when a frame may end in there. */
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #head: Head | null = null;
  /** How far the NUL of a body of unknown length was looked for. */
  #searchedBytes = 0;
  #searchedParts = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
    this.maxBodyBytes = limits.maxBodyBytes;
  }

  /** Bytes added that no frame was made of yet. */
  get waiting(): number {
    return this.#data.length - this.#at + this.#partsBytes;
  }

  /** Whether a frame has begun that has not ended; meaningful after `next` has answered null. */
  get isInside(): boolean {
    return this.#head !== null || this.waiting > 0;
  }

  add(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#at === this.#data.length && this.#parts.length === 0) {
      this.#data = chunk;
      this.#at = 0;
    } else {
      this.#parts.push(chunk);
      this.#partsBytes += chunk.length;
    }
  }

  /** The next frame; null until more has come. Throws a `ProtocolError`, and is of no use afterwards. */
  next(): Frame | null {
    this.#head ??= this.#readHead();
    return this.#head === null ? null : this.#readBody(this.#head);
  }

  #readHead(): Head | null {
    do {
      this.#skipLineEnds();
      const end = this.#headEnd();
      if (end !== -1) {
        const head = this.#parseHead(this.#data.subarray(this.#at, end));
        this.#at = end + (this.#data[end] === CR ? 2 : 1);
        return head;
      }
    } while (this.#join());
    if (this.#at === this.#data.length) this.#release();
    return null;
  }

  /** Between frames these are heart-beats. */
  #skipLineEnds(): void {
    const data = this.#data;
    while (data[this.#at] === LF || (data[this.#at] === CR && data[this.#at + 1] === LF)) this.#at++;
  }

  /** Where the empty line after the headers begins; -1 until it has come. */
  #headEnd(): number {
    const data = this.#data;
    const { maxHeadBytes } = this.#limits;
    let line = this.#at;
    for (let lf = data.indexOf(LF, line); lf !== -1; lf = data.indexOf(LF, line)) {
      if (lf - this.#at > maxHeadBytes) break;
      if (lf === line) return lf;
      if (this.version === "1.2" && lf === line + 1 && data[line] === CR) return line;
      line = lf + 1;
    }
    const nul = data.indexOf(NUL, this.#at);
    if (nul !== -1 && nul - this.#at <= maxHeadBytes) {
      throw new ProtocolError("The frame ends before its headers do");
    }
    if (data.length - this.#at > maxHeadBytes)
      throw new ProtocolError("The headers are too large", "too_large");
    return -1;
  }

  #parseHead(bytes: Buffer): Head {
    if (bytes.includes(NUL)) throw new ProtocolError("The frame ends before its headers do");
    if (!isUtf8(bytes)) throw new ProtocolError("The headers are not UTF-8");
    const lines = bytes.toString("utf8").split("\n");
    // What follows the last line's end.
    lines.pop();
    if (lines.length - 1 > this.#limits.maxHeaders) {
      throw new ProtocolError("The frame has too many headers", "too_large");
    }
    const command = this.#line(lines[0] as string);
    const isEscaped = !UNESCAPED.has(command);
    const headers = new Map<string, string>();
    for (let i = 1; i < lines.length; i++) {
      const line = this.#line(lines[i] as string);
      const colon = line.indexOf(":");
      if (colon < 1) throw new ProtocolError("A header is not a name, a colon and a value");
      const name = line.slice(0, colon);
      const value = line.slice(colon + 1);
      const plainName = isEscaped ? unescapeHeader(this.version, name) : name;
      if (headers.has(plainName)) continue;
      headers.set(plainName, isEscaped ? unescapeHeader(this.version, value) : value);
    }
    return { command, headers, bodyBytes: this.#bodyBytes(headers.get("content-length")) };
  }

  #line(line: string): string {
    if (this.version !== "1.2" || !line.includes("\r")) return line;
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (text.includes("\r")) throw new ProtocolError("A header has a carriage return that is not escaped");
    return text;
  }

  #bodyBytes(length: string | undefined): number | null {
    if (length === undefined) return null;
    if (!/^\d{1,15}$/.test(length)) throw new ProtocolError("content-length is not a number of bytes");
    const bytes = Number(length);
    if (bytes > this.maxBodyBytes) throw new ProtocolError("The body is too large", "too_large");
    return bytes;
  }

  #readBody(head: Head): Frame | null {
    const length = head.bodyBytes ?? this.#searchNul();
    if (length === null || this.waiting < length + 1) return null;
    if (this.#data.length - this.#at < length + 1) this.#join();
    const end = this.#at + length;
    if (this.#data[end] !== NUL) throw new ProtocolError("The body is not as long as content-length says");
    const body = this.#data.subarray(this.#at, end);
    this.#at = end + 1;
    this.#head = null;
    this.#searchedBytes = 0;
    if (this.waiting === 0) this.#release();
    return { command: head.command, headers: head.headers, body };
  }

  /** How long the body is; null until its end has come. Looks at each byte once, however small the pieces. */
  #searchNul(): number | null {
    const rest = this.#data.length - this.#at;
    if (this.#searchedBytes < rest) {
      const found = this.#data.indexOf(NUL, this.#at + this.#searchedBytes);
      if (found !== -1) return this.#checkedLength(found - this.#at);
      this.#searchedBytes = rest;
    }
    for (; this.#searchedParts < this.#parts.length; this.#searchedParts++) {
      const part = this.#parts[this.#searchedParts] as Buffer;
      const found = part.indexOf(NUL);
      if (found !== -1) return this.#checkedLength(this.#searchedBytes + found);
      this.#searchedBytes += part.length;
    }
    this.#checkedLength(this.#searchedBytes);
    return null;
  }

  #checkedLength(bytes: number): number {
    if (bytes > this.maxBodyBytes) throw new ProtocolError("The body is too large", "too_large");
    return bytes;
  }

  /** False where there was nothing to join. */
  #join(): boolean {
    if (this.#parts.length === 0) return false;
    this.#data = Buffer.concat([this.#data.subarray(this.#at), ...this.#parts]);
    this.#at = 0;
    this.#parts = [];
    this.#partsBytes = 0;
    this.#searchedParts = 0;
    return true;
  }

  /** An idle connection keeps no memory of what it said last. */
  #release(): void {
    this.#data = EMPTY;
    this.#at = 0;
  }
}
