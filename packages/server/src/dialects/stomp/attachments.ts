import { ATTACHMENTS_PATH, attachmentPath } from "@parlance/protocol/attachment-path.ts";
import { Refusal } from "@parlance/protocol/errors.ts";
import type { AttachmentVariant, OpenedAttachment } from "@parlance/protocol/queries.ts";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import { type Caller, namesNobody } from "../../core/caller.ts";
import type { App } from "../../http/app.ts";
import { contentDisposition } from "../../http/content-disposition.ts";
import { readRange } from "../../http/ranges.ts";
import type { RouteScope } from "../../http/scopes.ts";
import { leaveBody } from "../../http/upload-body.ts";
import { readUpload } from "../../http/uploads.ts";
import type { DialectParts } from "../dialect.ts";
import { hasToken, tokenCaller } from "./callers.ts";
import { envelope, errorEnvelope, STOMP_STATUS } from "./envelope.ts";
import { created, ok } from "./rest/replies.ts";
import { Attachment, attachmentOf, FileLink, linkOf } from "./shapes/attachments.ts";

type AttachmentParts = Pick<DialectParts, "door" | "identity" | "links">;

/** Beside the file a form has its own bytes. */
const FORM_BYTES = 64 * 1024;

/**
 * Shown where they are; a browser decodes them and runs nothing. All else is saved, and is called bytes where it
 * could be taken for a page.
 */
const INLINE =
  /^(image\/(png|jpeg|gif|webp|avif|bmp)|video\/(mp4|webm|ogg|quicktime)|audio\/(mpeg|mp4|ogg|wav|webm|aac|flac))$/;
const PLAIN = /^(image\/(?!svg)|video\/|audio\/|application\/(pdf|zip|gzip|json)$|text\/(plain|csv)$)/;

/** A download of which nothing could be sent for so long is over. */
const IDLE_MS = 60_000;

const FILE_HEADERS = {
  "accept-ranges": "bytes",
  // Kept, and asked about each time: whoever was let out gets it no more.
  "cache-control": "private, no-cache",
  "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
};

/** `/api/chat/attachments`: files going up and coming down. */
export function attachmentsScope(parts: AttachmentParts, maxFileBytes: number): RouteScope {
  return {
    prefixes: [ATTACHMENTS_PATH],
    errorShape: errorEnvelope,
    status: STOMP_STATUS,
    uploads: [ATTACHMENTS_PATH],
    routes: (app) => addRoutes(app, parts, maxFileBytes),
  };
}

function addRoutes(app: App, { door, identity, links }: AttachmentParts, maxFileBytes: number): void {
  // A file may be called anything, JSON too: its bytes are read by the route.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  // A type that is none says nothing, where the framework would refuse it.
  app.addHook("onRequest", async ({ raw: { headers } }) => {
    if (!/^[^\s/;]+\/[^\s/;]+/.test(headers["content-type"] ?? "")) delete headers["content-type"];
  });

  const callerOf = (request: FastifyRequest): Promise<Caller> => tokenCaller(identity, request);

  const mayUpload = async (request: FastifyRequest): Promise<Caller> => {
    const caller = await callerOf(request);
    if (Number(request.headers["content-length"] ?? 0) <= maxFileBytes + FORM_BYTES) return caller;
    throw new Refusal("too_large", `The file is larger than ${maxFileBytes} bytes`);
  };

  app.setSerializerCompiler(() => JSON.stringify);
  const tags = ["Files"];
  const upload = {
    tags,
    summary: "Uploads a file, for one message of its uploader's to use",
    description:
      "As `multipart/form-data` with a `file`, or its bytes with `Content-Type` and `X-File-Name`.",
    response: created(Attachment),
  };
  app.post(ATTACHMENTS_PATH, { schema: upload }, async (request, reply) => {
    const caller = await mayUpload(request).catch((error: unknown) => {
      leaveBody(request.raw);
      throw error;
    });
    const attachment = await readUpload(request.raw, (upload) =>
      door.execute(caller, { type: "upload-attachment", ...upload }),
    );
    return reply
      .code(201)
      .send(
        envelope(attachmentOf(attachment, caller.userId === null ? null : { links, userId: caller.userId })),
      );
  });

  const download = async (
    request: FastifyRequest<{ Params: { id: string } }>,
    reply: FastifyReply,
    variant: AttachmentVariant,
  ) => {
    const { headers, query, params } = request;
    // A token that is there decides; a link speaks for whom it was made for.
    const linked = hasToken(headers, query) ? null : links.verify(attachmentPath(params.id, "file"), query);
    const caller = linked ?? (await callerOf(request));
    const opened = await door.answer(caller, { type: "open-attachment", attachmentId: params.id, variant });
    return await sendFile(request, reply, opened, `"${params.id}.${variant}"`);
  };
  const Params = Type.Object({ id: Type.String() });
  app.get(
    `${ATTACHMENTS_PATH}/:id/link`,
    {
      schema: {
        tags,
        summary: "Addresses of a file that work without a token, for its reader and a while",
        params: Params,
        response: ok(FileLink),
      },
    },
    async (request, reply) => {
      // By a token alone: a link that led to the next one would never end.
      const caller = await callerOf(request);
      const { userId } = caller;
      if (userId === null) throw namesNobody();
      const { id } = request.params as { id: string };
      const { attachment } = await door.answer(caller, {
        type: "open-attachment",
        attachmentId: id,
        variant: "file",
      });
      return reply.send(envelope(linkOf(attachment, { links, userId })));
    },
  );
  const method = ["GET", "HEAD"];
  app.route({
    method,
    url: `${ATTACHMENTS_PATH}/:id`,
    schema: { tags, summary: "A file, or a range of it", params: Params },
    handler: (request, reply) => download(request as never, reply, "file"),
  });
  app.route({
    method,
    url: `${ATTACHMENTS_PATH}/:id/thumbnail`,
    schema: { tags, summary: "A small picture of an image", params: Params },
    handler: (request, reply) => download(request as never, reply, "thumbnail"),
  });
}

async function sendFile(
  { method, headers }: FastifyRequest,
  reply: FastifyReply,
  opened: OpenedAttachment,
  etag: string,
): Promise<FastifyReply> {
  const { attachment, contentType, size } = opened;
  const isInline = INLINE.test(contentType);
  const served = {
    contentType: isInline || PLAIN.test(contentType) ? contentType : "application/octet-stream",
    contentDisposition: contentDisposition(isInline ? "inline" : "attachment", attachment.fileName),
  };
  reply.headers({ ...FILE_HEADERS, etag });
  if (matches(headers["if-none-match"], etag)) return reply.code(304).send();
  const link = await opened.link(served);
  if (link !== null) return reply.header("cache-control", "private, no-store").redirect(link, 302);

  const range = isCurrent(headers["if-range"], etag) ? readRange(headers.range, size) : null;
  if (range === "unsatisfiable") {
    reply.header("content-range", `bytes */${size}`);
    throw Object.assign(new Error("The range is behind the end"), { statusCode: 416 });
  }
  const { first, last } = range ?? { first: 0, last: size - 1 };
  reply.code(range === null ? 200 : 206).headers({
    "content-type": served.contentType,
    "content-disposition": served.contentDisposition,
    "content-length": last - first + 1,
    ...(range !== null && { "content-range": `bytes ${first}-${last}/${size}` }),
  });
  if (method === "HEAD") return reply.send();
  reply.raw.setTimeout(IDLE_MS, () => reply.raw.destroy());
  return reply.send(await opened.read({ first, last }));
}

function matches(header: string | undefined, etag: string): boolean {
  const tags = (header ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}

/** What is under one id never changes, so only another id's tag, or a date, which we give none, is not current. */
function isCurrent(ifRange: string | string[] | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange === etag;
}
