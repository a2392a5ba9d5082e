import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { Busboy, type BusboyFileStream, type BusboyHeaders, type BusboyInstance } from "@fastify/busboy";
import { Refusal } from "@parlance/protocol/errors.ts";
import { headerText } from "./header-text.ts";
import { openUploadBody, type Pace } from "./upload-body.ts";

/** The one file that a request brings. */
export interface Upload {
  /** As its sender gives it; not to be trusted. */
  readonly fileName: string;
  readonly contentType: string | null;
  /** To be read to its end, or left; throws a `Refusal` where the request turns out broken. */
  readonly content: AsyncIterable<Uint8Array>;
}

const FIELD = "file";
const LIMITS = {
  files: 1,
  fields: 10,
  parts: 12,
  fieldSize: 4_096,
  fieldNameSize: 100,
  headerPairs: 20,
  headerSize: 8_192,
};

/**
 * Reads a file out of a request while it comes: a form (`multipart/form-data`) with the field `file`, or the body
 * itself, named by `X-File-Name` (as it is or percent-encoded).
 */
export async function readUpload<T>(
  request: IncomingMessage,
  take: (upload: Upload) => Promise<T>,
  pace?: Pace,
): Promise<T> {
  const { headers } = request;
  const { body, letGo } = openUploadBody(request, pace);
  try {
    const isForm = /^multipart\/form-data\b/i.test(headers["content-type"] ?? "");
    return await (isForm ? readForm(headers, body, take) : take(rawUpload(headers, body)));
  } finally {
    letGo();
  }
}

function rawUpload(headers: IncomingHttpHeaders, content: AsyncIterable<Uint8Array>): Upload {
  const name = headers["x-file-name"];
  return {
    fileName: typeof name === "string" ? decodeName(name) : "",
    contentType: headers["content-type"] ?? null,
    content,
  };
}

/** As it is, or percent-encoded. */
function decodeName(header: string): string {
  const name = headerText(header);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

async function readForm<T>(
  headers: IncomingHttpHeaders,
  body: AsyncIterable<Buffer>,
  take: (upload: Upload) => Promise<T>,
): Promise<T> {
  const form = parserOf(headers);
  const source = Readable.from(body);
  /** Settles when the form is at its end, or cannot come there. */
  const ended = new Promise<void>((resolve, reject) => {
    const fail = (why: unknown): void =>
      reject(why instanceof Refusal ? why : new Refusal("invalid", "The form is broken or cut off"));
    form.on("finish", resolve).on("error", fail);
    for (const limit of ["partsLimit", "filesLimit", "fieldsLimit"] as const) {
      form.on(limit, () => fail(new Refusal("invalid", "The form has too many parts")));
    }
    source.on("error", fail);
  });
  ended.catch(() => {});
  const found = new Promise<{ stream: BusboyFileStream; name: string; type: string }>((resolve) => {
    form.on("file", (field, stream, name, _encoding, type) => {
      stream.on("error", () => {});
      if (field === FIELD) resolve({ stream, name, type });
      else stream.resume();
    });
  });
  source.pipe(form);
  try {
    const file = await Promise.race([found, ended.then(() => null)]);
    if (file === null) throw new Refusal("invalid", `The form has no file in a field named ${FIELD}`);
    return await take({
      fileName: file.name ?? "",
      // Also what the parser says of a part that says nothing.
      contentType: file.type === "text/plain" ? null : file.type,
      content: wholeFile(file.stream, ended),
    });
  } finally {
    source.unpipe(form);
    source.destroy();
  }
}

/** The file's bytes; its end only when the form around it has turned out whole. */
async function* wholeFile(stream: BusboyFileStream, ended: Promise<void>): AsyncIterable<Uint8Array> {
  const broken = ended.then(() => new Promise<never>(() => {}));
  const chunks = stream.iterator({ destroyOnReturn: false });
  for (;;) {
    const next = await Promise.race([chunks.next(), broken]);
    if (next.done) break;
    yield next.value as Buffer;
  }
  await ended;
}

function parserOf(headers: IncomingHttpHeaders): BusboyInstance {
  try {
    return new Busboy({
      headers: headers as BusboyHeaders,
      limits: LIMITS,
    });
  } catch {
    throw new Refusal("invalid", "The form has no boundary");
  }
}
