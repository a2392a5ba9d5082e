import { ClientError, refusalOf } from "./errors.ts";
import type { Attachment } from "./model.ts";
import type { RestAttachment } from "./rest-shapes.ts";
import type { TokenSource } from "./token.ts";
import { attachmentOf } from "./wire.ts";

const PATH = "/api/chat/attachments";

export interface UploadOptions {
  /** The file's own where it has one. */
  readonly name?: string;
  /** Bytes that have gone out, of how many; outside of browsers only at the end. */
  readonly onProgress?: (loaded: number, total: number) => void;
  readonly signal?: AbortSignal;
}

interface Uploaded {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
}

/** Files that go up, and where they are had from. */
export class Files {
  readonly #url: string;
  readonly #tokens: TokenSource;

  constructor(url: string, tokens: TokenSource) {
    this.#url = url;
    this.#tokens = tokens;
  }

  /** Uploads a file, for one message of one's own: give the answer to `messages.send`. */
  async upload(file: Blob, options: UploadOptions = {}): Promise<Attachment> {
    const name = options.name ?? (file as Partial<File>).name ?? "file";
    const token = await this.#tokens.get();
    let uploaded = await this.#post(file, name, token, options);
    if (uploaded.status === 401) {
      uploaded = await this.#post(file, name, await this.#tokens.renew(token), options);
    }
    const answer = readJson(uploaded.text) as { data: RestAttachment } | null;
    if (uploaded.status !== 201) throw refusalOf(uploaded.status, answer, uploaded.retryAfter);
    return attachmentOf((answer as { data: RestAttachment }).data);
  }

  /** Where a browser has it from, as in `<img src>`. The token is part of it: it is one's own, and ends with it. */
  url({ id }: Pick<Attachment, "id">, variant: "file" | "thumbnail" = "file"): string {
    const path = `${this.#url}${PATH}/${encodeURIComponent(id)}${variant === "thumbnail" ? "/thumbnail" : ""}`;
    const token = this.#tokens.current;
    return token === null ? path : `${path}?token=${encodeURIComponent(token)}`;
  }

  async download({ id }: Pick<Attachment, "id">, signal?: AbortSignal): Promise<Blob> {
    const response = await fetch(`${this.#url}${PATH}/${encodeURIComponent(id)}`, {
      headers: { authorization: `Bearer ${await this.#tokens.get()}` },
      ...(signal !== undefined && { signal }),
    });
    if (response.ok) return await response.blob();
    throw refusalOf(response.status, await response.json().catch(() => null), null);
  }

  #post(file: Blob, name: string, token: string, options: UploadOptions): Promise<Uploaded> {
    const request = {
      url: this.#url + PATH,
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

const unsent = () => new ClientError("network", "Not sent");
const aborted = () => new ClientError("aborted", "Aborted");

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
