import { once } from "node:events";
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AwsV4Signer } from "aws4fetch";
import { BlobError, type BlobSource, type Blobs } from "../../core/ports/blobs.ts";
import { exactly } from "./exactly.ts";

export interface Bucket {
  readonly name: string;
  /** Before every key; empty or ending in a slash. */
  readonly prefix: string;
  /** Scheme, host and port of the service. */
  readonly endpoint: string;
  readonly region: string;
  /** The bucket stands in the path, as MinIO and most others have it; else in the host name. */
  readonly isPathStyle: boolean;
  /** Whether clients are sent to the bucket for what they download. */
  readonly isLinked: boolean;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const LINK_SECONDS = 60;
const TRIES = 3;
const RETRY_MS = 200;
/** Without a byte either way. */
const IDLE_MS = 20_000;

/** Objects of a bucket, in S3 or what speaks its API with signature version 4. */
export function createS3Blobs(bucket: Bucket): Blobs & { close(): void } {
  const isTls = bucket.endpoint.startsWith("https:");
  const agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });

  const urlOf = (key: string): URL => {
    const url = new URL(bucket.endpoint);
    if (!bucket.isPathStyle) url.host = `${bucket.name}.${url.host}`;
    const path = bucket.isPathStyle ? `/${bucket.name}/` : "/";
    url.pathname = path + bucket.prefix + key;
    return url;
  };
  const signer = (options: {
    url: string;
    method: string;
    headers?: Record<string, string>;
    signQuery?: boolean;
  }) => {
    const { accessKeyId, secretAccessKey, region } = bucket;
    return new AwsV4Signer({ ...options, accessKeyId, secretAccessKey, region, service: "s3" });
  };

  const ask = async (
    method: string,
    key: string,
    more: { readonly headers?: Record<string, string>; readonly body?: BlobSource } = {},
  ): Promise<IncomingMessage> => {
    const { body } = more;
    const signed = await signer({ url: urlOf(key).href, method, headers: more.headers ?? {} }).sign();
    const headers = Object.fromEntries(signed.headers);
    if (body !== undefined) headers["content-length"] = String(body.size);
    const send = isTls ? requestHttps : requestHttp;
    const request = send(signed.url, { method, headers, agent, timeout: IDLE_MS });
    request.on("timeout", () => request.destroy(new Error("idle")));
    const answered = once(request, "response") as Promise<[IncomingMessage]>;
    answered.catch(() => {});
    if (body === undefined) request.end();
    else {
      // An answer may come before all is sent: then that is what counts, and not the broken pipe after it.
      await pipeline(Readable.from(exactly(body)), request).catch((error: unknown) => {
        if (error instanceof BlobError) throw error;
      });
    }
    const [response] = await answered;
    return response;
  };

  /** Asks again where the service could not be reached or says that it is at fault. */
  const insist = async (...[method, key, more]: Parameters<typeof ask>): Promise<IncomingMessage> => {
    for (let tries = 1; ; tries++) {
      try {
        const response = await ask(method, key, more);
        const { statusCode = 0 } = response;
        if (statusCode < 300) return response;
        response.resume();
        if (statusCode === 404) throw new BlobError("missing", "404");
        if (statusCode < 500 || tries === TRIES) {
          throw new BlobError(statusCode === 507 ? "full" : "unavailable", String(statusCode));
        }
      } catch (error) {
        if (error instanceof BlobError) throw error;
        if (tries === TRIES) throw new BlobError("unavailable", codeOf(error));
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * tries));
    }
  };

  return {
    async write(key, source) {
      (await insist("PUT", key, { body: source })).resume();
    },

    async read(key, { first, last }) {
      return await insist("GET", key, { headers: { range: `bytes=${first}-${last}` } });
    },

    async remove(keys) {
      for (const key of keys) {
        const response = await insist("DELETE", key).catch((error: unknown) => {
          if (error instanceof BlobError && error.kind === "missing") return null;
          throw error;
        });
        response?.resume();
      }
    },

    async link(key, { contentType, contentDisposition }) {
      if (!bucket.isLinked) return null;
      const url = urlOf(key);
      url.searchParams.set("X-Amz-Expires", String(LINK_SECONDS));
      url.searchParams.set("response-cache-control", "private, no-store");
      url.searchParams.set("response-content-disposition", contentDisposition);
      url.searchParams.set("response-content-type", contentType);
      return (await signer({ url: url.href, method: "GET", signQuery: true }).sign()).url.href;
    },

    close: () => agent.destroy(),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "no answer";
}
