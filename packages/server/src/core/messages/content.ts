import { Refusal } from "@parlance/protocol/errors.ts";
import { MAX_KEY_LENGTH, type Metadata } from "@parlance/protocol/model.ts";

export interface ContentLimits {
  /** Code points. */
  readonly maxLength: number;
  /** Bytes of JSON. */
  readonly maxMetadataBytes: number;
}

const MAX_METADATA_DEPTH = 5;

/** Content is kept byte for byte or refused: nothing is trimmed, folded or replaced. */
export function checkContent(content: string, { maxLength }: ContentLimits, hasAttachments = false): void {
  checkText(content, "content");
  if (!hasAttachments && !/\S/u.test(content)) throw new Refusal("invalid", "content is empty");
  if (isLonger(content, maxLength)) {
    throw new Refusal("invalid", `content is longer than ${maxLength} characters`);
  }
}

export function checkKey(key: string, name = "the idempotency key"): void {
  if (key === "" || key.length > MAX_KEY_LENGTH) {
    throw new Refusal("invalid", `${name} must have 1 to ${MAX_KEY_LENGTH} characters`);
  }
  if (!key.isWellFormed() || /\p{Cc}/u.test(key)) {
    throw new Refusal("invalid", `${name} must not have control characters`);
  }
}

export function checkMetadata(metadata: Metadata, { maxMetadataBytes }: ContentLimits): void {
  checkValue(metadata, 1);
  if (Buffer.byteLength(JSON.stringify(metadata)) > maxMetadataBytes) {
    throw new Refusal("invalid", `metadata is larger than ${maxMetadataBytes} bytes`);
  }
}

function checkValue(value: unknown, depth: number): void {
  if (typeof value === "string") checkText(value, "metadata");
  if (typeof value !== "object" || value === null) return;
  if (depth > MAX_METADATA_DEPTH) {
    throw new Refusal("invalid", `metadata is deeper than ${MAX_METADATA_DEPTH} levels`);
  }
  for (const [key, inner] of Object.entries(value)) {
    checkText(key, "metadata");
    checkValue(inner, depth + 1);
  }
}

/** Whether a text has more code points than `max`: one is one or two code units, so only lengths between need counting. */
export function isLonger(text: string, max: number): boolean {
  return text.length > max && (text.length > 2 * max || [...text].length > max);
}

/** What PostgreSQL cannot hold, and what no UTF-8 can say. */
export function checkText(text: string, name: string): void {
  if (text.includes("\0")) throw new Refusal("invalid", `${name} must not have NUL characters`);
  if (!text.isWellFormed()) throw new Refusal("invalid", `${name} is not valid Unicode`);
}
