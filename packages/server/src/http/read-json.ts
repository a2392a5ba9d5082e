import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { Refusal } from "@parlance/protocol/errors.ts";
import { parseStrictJson } from "./strict-json.ts";

const JSON_TYPE = /^application\/json *(; *charset="?utf-8"?)? *$/i;

export function checkJsonType(contentType: string | undefined): void {
  if (contentType === undefined || !JSON_TYPE.test(contentType)) {
    throw new Refusal("unsupported_media_type", "The media type must be application/json in UTF-8");
  }
}

/** The value of a JSON body; undefined where there is none. Refuses what is not strictly JSON in UTF-8. */
export function readJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw new Refusal("invalid", "The body is not valid UTF-8");
  return parseStrictJson(body.toString("utf8"));
}

/**
 * Reads the JSON body of a request past the framework, by the same rules: `done` is called once, with the value or
 * with why there is none, and never where the request was broken off. It is called from the parser, before anything
 * else happens: a promise for each request would be felt at ten thousand a second.
 */
export function readJsonBody(
  request: IncomingMessage,
  maxBytes: number,
  done: (refusal: Refusal | null, value: unknown) => void,
): void {
  const { headers } = request;
  const declared = headers["content-length"];
  const isEmpty = headers["transfer-encoding"] === undefined && (declared === undefined || declared === "0");
  const refused = isEmpty ? null : refusalOf(headers["content-type"], declared, maxBytes);
  if (refused !== null) {
    done(refused, undefined);
    return;
  }
  let first: Buffer | null = null;
  let more: Buffer[] | null = null;
  let length = 0;
  const take = (chunk: Buffer): void => {
    length += chunk.length;
    if (length > maxBytes) {
      request.off("data", take).off("end", end);
      done(tooLarge(), undefined);
    } else if (first === null) first = chunk;
    else if (more === null) more = [first, chunk];
    else more.push(chunk);
  };
  const end = (): void => {
    let value: unknown;
    try {
      value = first === null ? undefined : readJson(more === null ? first : Buffer.concat(more));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      done(error, undefined);
      return;
    }
    done(null, value);
  };
  request.on("data", take).on("end", end);
}

function refusalOf(
  contentType: string | undefined,
  declared: string | undefined,
  maxBytes: number,
): Refusal | null {
  try {
    checkJsonType(contentType);
  } catch (error) {
    return error as Refusal;
  }
  return declared !== undefined && Number(declared) > maxBytes ? tooLarge() : null;
}

const tooLarge = (): Refusal => new Refusal("too_large", "The body is over the size limit");
