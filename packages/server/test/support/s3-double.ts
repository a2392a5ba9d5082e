import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * Stands in for a foreign service that cannot be brought along: one bucket of S3, as strict about signature version 4
 * as the real one. It works the signature out from the request by AWS's description, not by any library of ours.
 */
export interface S3Double {
  readonly endpoint: string;
  readonly keys: () => readonly string[];
  readonly requests: () => number;
  /** Answers so many requests with this status before it does what it should. */
  fail(status: number, times: number): void;
  /** Sets its clock: epoch milliseconds later. */
  later(ms: number): void;
  close(): Promise<void>;
}

export const BUCKET = {
  name: "files",
  region: "eu-test-1",
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
} as const;

const MAX_SKEW_MS = 900_000;
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const strict = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export async function startS3Double(): Promise<S3Double> {
  const objects = new Map<string, Buffer>();
  let failing = { status: 0, times: 0 };
  let skew = 0;
  let requests = 0;

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests++;
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    const end = (status: number, body: Buffer | string = "", headers = {}): void => {
      response.writeHead(status, headers).end(body);
    };
    if (failing.times > 0) {
      failing.times--;
      request.resume();
      end(failing.status);
      return;
    }
    const wrong = signatureProblem(request, url, Date.now() + skew);
    if (wrong !== null) return end(403, `<Error><Code>${wrong}</Code></Error>`);
    const [, bucket, ...rest] = url.pathname.split("/").map(decodeURIComponent);
    if (bucket !== BUCKET.name) return end(404);
    const key = rest.join("/");
    if (request.method === "PUT") {
      const size = Number(request.headers["content-length"] ?? "NaN");
      if (Number.isNaN(size)) return end(411);
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      objects.set(key, Buffer.concat(chunks));
      return end(200);
    }
    if (request.method === "DELETE") {
      objects.delete(key);
      return end(204);
    }
    const object = objects.get(key);
    if (object === undefined) return end(404);
    const headers = {
      "content-type": url.searchParams.get("response-content-type") ?? "binary/octet-stream",
      "content-disposition": url.searchParams.get("response-content-disposition") ?? "",
    };
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    if (range === null) return end(200, object, headers);
    end(206, object.subarray(Number(range[1]), Number(range[2]) + 1), headers);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys: () => [...objects.keys()],
    requests: () => requests,
    fail(status, times) {
      failing = { status, times };
    },
    later(ms) {
      skew = ms;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The error code that S3 would answer; null where the signature is right, by header or by query. */
function signatureProblem(request: IncomingMessage, url: URL, now: number): string | null {
  const query = [...url.searchParams];
  const inQuery = url.searchParams.get("X-Amz-Signature");
  const header =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? "",
    );
  if (inQuery === null && header === null) return "AccessDenied";
  const credential = inQuery === null ? header?.[1] : url.searchParams.get("X-Amz-Credential");
  const signedHeaders = inQuery === null ? header?.[2] : url.searchParams.get("X-Amz-SignedHeaders");
  const given = inQuery ?? header?.[3];
  const stamp = inQuery === null ? request.headers["x-amz-date"] : url.searchParams.get("X-Amz-Date");
  if (typeof stamp !== "string" || typeof credential !== "string" || typeof signedHeaders !== "string")
    return "Malformed";

  const made = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  const lifetime = Number(url.searchParams.get("X-Amz-Expires")) * 1_000;
  if (inQuery === null ? Math.abs(now - made) > MAX_SKEW_MS : !(now <= made + lifetime))
    return "RequestTimeTooSkewed";
  const date = stamp.slice(0, 8);
  const scope = `${date}/${BUCKET.region}/s3/aws4_request`;
  if (credential !== `${BUCKET.accessKeyId}/${scope}`) return "InvalidAccessKeyId";
  const names = signedHeaders.split(";");
  if (!names.includes("host")) return "AccessDenied";

  const canonical = [
    request.method,
    url.pathname
      .split("/")
      .map((part) => strict(decodeURIComponent(part)))
      .join("/"),
    query
      .filter(([name]) => name !== "X-Amz-Signature")
      .map(([name, value]) => `${strict(name)}=${strict(value)}`)
      .sort()
      .join("&"),
    ...names.map(
      (name) =>
        `${name}:${String(request.headers[name] ?? "")
          .trim()
          .replaceAll(/ +/g, " ")}`,
    ),
    "",
    signedHeaders,
    inQuery === null ? request.headers["x-amz-content-sha256"] : "UNSIGNED-PAYLOAD",
  ].join("\n");
  const toSign = [
    "AWS4-HMAC-SHA256",
    stamp,
    scope,
    createHash("sha256").update(canonical).digest("hex"),
  ].join("\n");
  const key = [date, BUCKET.region, "s3", "aws4_request"].reduce<string | Buffer>(
    hmac,
    `AWS4${BUCKET.secretAccessKey}`,
  );
  const right = hmac(key, toSign).toString("hex");
  const same = given?.length === right.length && timingSafeEqual(Buffer.from(given), Buffer.from(right));
  return same ? null : "SignatureDoesNotMatch";
}
