import type { FastifyReply, FastifyRequest } from "fastify";
import type { Mode } from "../config.ts";
import type { App } from "../http/app.ts";
import type { RouteScope } from "../http/scopes.ts";
import { sharedErrorShape } from "../http/status.ts";
import { type Coding, etagOf, readBundle, type WebFile } from "./bundle.ts";
import { missingPage } from "./missing-page.ts";

export interface WebAppOptions {
  /** Where the built app is. */
  readonly directory: string;
  readonly mode: Mode;
  /** Who may show the app in a frame and hand it a token. */
  readonly allowedOrigins: readonly string[];
}

/** Addresses that are pages; each is a document of the build. */
const PAGES: Readonly<Record<string, string>> = { "/": "/index.html", "/dialects": "/dialects.html" };
/** Their names hold a hash of what is in them. */
const HASHED = "/assets/";

/** The built web app: every file has a route of its own, so that whatever else is asked for stays as it was. */
export function webAppRoutes(options: WebAppOptions): RouteScope {
  return {
    prefixes: Object.keys(PAGES),
    errorShape: sharedErrorShape,
    routes: (app) => addRoutes(app, options),
  };
}

function addRoutes(app: App, { directory, mode, allowedOrigins }: WebAppOptions): void {
  const files = new Map(readBundle(directory).map((file) => [file.path, file]));
  const framers = mode === "jwt" ? allowedOrigins : [];
  const policy = contentPolicy(framers);
  for (const [path, document] of Object.entries(PAGES)) {
    const found = files.get(document);
    if (found === undefined) {
      const { body, csp } = missingPage();
      app.get(path, { schema: { hide: true } }, async (_, reply) =>
        reply.code(503).header("content-security-policy", csp).type("text/html; charset=utf-8").send(body),
      );
      continue;
    }
    addFile(app, path, withFacts(found, { mode, origins: framers.join(" ") }), policy);
    files.delete(document);
  }
  for (const file of files.values()) addFile(app, file.path, file, policy);
}

function addFile(app: App, path: string, file: WebFile, policy: string): void {
  const headers = {
    "content-security-policy": policy,
    "cache-control": path.startsWith(HASHED) ? "public, max-age=31536000, immutable" : "no-cache",
    etag: file.etag,
    vary: "origin, accept-encoding",
  };
  app.get(path, { schema: { hide: true } }, async (request, reply) => {
    reply.headers(headers);
    if (isKnown(request, file)) return reply.code(304).send();
    return sendBody(request, reply.type(file.type), file);
  });
}

function isKnown({ headers }: FastifyRequest, { etag }: WebFile): boolean {
  const known = headers["if-none-match"]?.split(",").map((one) => one.trim());
  return known?.some((one) => one === etag || one === "*") ?? false;
}

function sendBody({ headers }: FastifyRequest, reply: FastifyReply, { bodies }: WebFile): FastifyReply {
  const coding = codingFor(headers["accept-encoding"] ?? "", [...bodies.keys()]);
  if (coding !== "identity") reply.header("content-encoding", coding);
  return reply.send(bodies.get(coding));
}

/** The smallest of those that the client takes. */
function codingFor(accepted: string, offered: readonly Coding[]): Coding {
  const taken = new Set(
    accepted
      .split(",")
      .map((one) => one.trim().split(/\s*;\s*/))
      .filter(([, quality]) => !/^q=0(\.0*)?$/.test(quality ?? ""))
      .map(([name]) => name),
  );
  return (["br", "gzip"] as const).find((one) => taken.has(one) && offered.includes(one)) ?? "identity";
}

/** What a page has to know of this server before it asks anything, in its `<meta name="parlance-…">`. */
function withFacts(file: WebFile, facts: Readonly<Record<string, string>>): WebFile {
  const html = (file.bodies.get("identity") as Buffer)
    .toString("utf8")
    .replace(/(<meta name="parlance-(\w+)" content=")[^"]*(")/g, (whole, before, name: string, after) =>
      facts[name] === undefined ? whole : before + facts[name] + after,
    );
  const body = Buffer.from(html);
  return { ...file, etag: etagOf(body), bodies: new Map([["identity", body]]) };
}

/** Nothing from elsewhere, no inline script or style, no HTML made of text. */
function contentPolicy(framers: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "font-src 'self'",
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${framers.length === 0 ? "'none'" : framers.join(" ")}`,
    "require-trusted-types-for 'script'",
    // One rule, by which the app names its service worker.
    "trusted-types parlance",
  ].join("; ");
}
