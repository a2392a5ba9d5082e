import { ClientError, refusalOf } from "./errors.ts";
import type { Attachment } from "./model.ts";
import { type Rest, segment } from "./rest.ts";
import type { RestAttachment, RestFileLink } from "./rest-shapes.ts";
import type { TokenSource } from "./token.ts";
import { attachmentOf } from "./wire.ts";

const PATH = "/api/chat/attachments";
/** An address that ends sooner is not given out any more. */
const SPARE_MS = 120_000;
/** Addresses that were asked for and are kept. */
const MAX_KEPT = 500;

export interface UploadOptions {
  /** The file's own where it has one. */
  readonly name?: string;
  /** Bytes that have gone out, of how many; outside of browsers only at the end. */
  readonly onProgress?: (loaded: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export type FileVariant = "file" | "thumbnail";

interface Uploaded {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

export interface FilesParts {
  /** The server's, without a path. */
  readonly url: string;
  readonly tokens: TokenSource;
  readonly rest: Rest;
  /** The server's time. */
  readonly now: () => number;
}

/** Files that go up, and where they are had from. */
export class Files {
  readonly #parts: FilesParts;
  /** Signed paths by file: of those that were told without a signature, or long ago. */
  readonly #signed = new Map<string, string>();

  constructor(parts: FilesParts) {
    this.#parts = parts;
  }

  /** Uploads a file, for one message of one's own: give the answer to `messages.send`. */
  async upload(file: Blob, options: UploadOptions = {}): Promise<Attachment> {
    const name = options.name ?? (file as Partial<File>).name ?? "file";
    const { tokens } = this.#parts;
    const token = await tokens.get();
    let uploaded = await this.#post(file, name, token, options);
    if (uploaded.status === 401) {
      uploaded = await this.#post(file, name, await tokens.renew(token), options);
    }
    const answer = readJson(uploaded.text) as { data: RestAttachment } | null;
    if (uploaded.status !== 201) throw refusalOf(uploaded.status, answer, uploaded.retryAfter);
    return attachmentOf((answer as { data: RestAttachment }).data);
  }

  /**
   * Where a browser has a file from, as in `<img src>`. It is for oneself and this file, opens it as long as one may see
   * its message, and ends within the hour, so that it is to be asked for with each use. Null: not at hand, see `link`.
   */
  url({ id, url }: Attachment, variant: FileVariant = "file"): string | null {
    const until = this.#parts.now() + SPARE_MS;
    const signed = [url, this.#signed.get(id)].find((path) => endOf(path) > until);
    return signed === undefined ? null : this.#spell(signed, variant);
  }

  /** The same, and asks the server for it where it is not at hand. */
  async link(attachment: Attachment, variant: FileVariant = "file"): Promise<string> {
    const { id } = attachment;
    const known = this.url(attachment, variant);
    if (known !== null) return known;
    const { url } = await this.#parts.rest.get<RestFileLink>(`/attachments/${segment(id)}/link`);
    this.#signed.delete(id);
    this.#signed.set(id, url);
    for (const [oldest] of this.#signed) {
      if (this.#signed.size <= MAX_KEPT) break;
      this.#signed.delete(oldest);
    }
    return this.#spell(url, variant);
  }

  async download({ id }: Pick<Attachment, "id">, signal?: AbortSignal): Promise<Blob> {
    const { url, tokens } = this.#parts;
    const response = await fetch(`${url}${PATH}/${segment(id)}`, {
      headers: { authorization: `Bearer ${await tokens.get()}` },
      ...(signal !== undefined && { signal }),
    });
    if (response.ok) return await response.blob();
    throw refusalOf(response.status, await response.json().catch(() => null), null);
  }

  #spell(path: string, variant: FileVariant): string {
    return this.#parts.url + (variant === "thumbnail" ? path.replace("?", "/thumbnail?") : path);
  }

  #post(file: Blob, name: string, token: string, options: UploadOptions): Promise<Uploaded> {
    const request = {
      url: this.#parts.url + PATH,
      file,
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": file.type === "" ? "application/octet-stream" : file.type,
        "x-file-name": encodeURIComponent(name),
      },
    };
    // Of the two only the first tells a browser how far it has come, and only the second is there elsewhere.
    return typeof XMLHttpRequest === "undefined" ? byFetch(request, options) : byXhr(request, options);
  }
}

interface Upload {
  readonly url: string;
  readonly file: Blob;
  readonly headers: Readonly<Record<string, string>>;
}

function byXhr({ url, file, headers }: Upload, { onProgress, signal }: UploadOptions): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded, total }) => onProgress?.(loaded, total);
    xhr.onload = () =>
      resolve({
        status: xhr.status,
        retryAfter: xhr.getResponseHeader("retry-after"),
        text: xhr.responseText,
      });
    xhr.onerror = () => reject(unsent());
    xhr.onabort = () => reject(aborted());
    if (signal?.aborted) reject(aborted());
    else {
      signal?.addEventListener("abort", () => xhr.abort(), { once: true });
      xhr.send(file);
    }
  });
}

async function byFetch(
  { url, file, headers }: Upload,
  { onProgress, signal }: UploadOptions,
): Promise<Uploaded> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers,
      body: file,
      ...(signal !== undefined && { signal }),
    });
    onProgress?.(file.size, file.size);
    const retryAfter = response.headers.get("retry-after");
    return { status: response.status, retryAfter, text: await response.text() };
  } catch {
    throw signal?.aborted ? aborted() : unsent();
  }
}

/** When a signed path ends; 0 where it is not signed. */
const endOf = (path = ""): number => Number(new URLSearchParams(path.split("?")[1]).get("expires"));

const unsent = () => new ClientError("network", "Not sent");
const aborted = () => new ClientError("aborted", "Aborted");

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
