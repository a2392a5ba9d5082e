import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendRaw } from "../../src/http/testing/raw-http.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { type Person, personOf, share } from "./people.ts";

let scene: Scene;
let server: ServerProcess;
let ann: Person;
let bob: Person;
const MIB = 1024 * 1024;

beforeAll(async () => {
  scene = await openScene("attachments_upload");
  server = await scene.start({ MAX_FILE_SIZE_MB: "1" });
  ann = await personOf(server, "ann");
  bob = await personOf(server, "bob");
});
afterAll(() => scene.close());

/** Everything in the file store and in the place where uploads lie meanwhile. */
const filesOnDisk = (): string[] =>
  ["blobs", "uploads"].flatMap((directory) => {
    try {
      return readdirSync(join(scene.dataDir, directory), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name);
    } catch {
      return [];
    }
  });
const bytesOf = async (url: string): Promise<Buffer> => Buffer.from(await (await bob.get(url)).arrayBuffer());
const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 30 } } });
/** As from a phone that was held upright: the pixels lie, and EXIF says so, and where it was. */
const photo = () =>
  picture(80, 40).withExif({ IFD0: { Make: "Secret Maker" }, IFD3: { GPSLatitude: "51/1 30/1 0/1" } });

async function form(...parts: readonly (readonly [string, string | Blob, string?])[]) {
  const body = new FormData();
  for (const [name, value, fileName] of parts) {
    if (typeof value === "string") body.append(name, value);
    else body.append(name, value, fileName ?? "x");
  }
  return await send(body);
}

async function send(body: RequestInit["body"], headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/api/chat/attachments`, {
    method: "POST",
    headers: { authorization: `Bearer ${ann.token}`, ...headers },
    body: body as never,
    duplex: "half",
  } as RequestInit);
  return {
    status: response.status,
    body: (await response.json()) as { error: string; data: Record<string, unknown> },
  };
}

describe("what is taken", () => {
  test("a form or the bytes themselves; the answer in the envelope", async () => {
    const { status, body } = await form(["note", "beside it"], ["file", new Blob(["hello"]), "notes.txt"]);
    expect(status).toBe(201);
    expect(body).toEqual({
      success: true,
      error: null,
      data: {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        fileName: "notes.txt",
        contentType: "text/plain",
        size: 5,
        width: null,
        height: null,
        url: expect.stringContaining(`/api/chat/attachments/${body.data.id}?`),
        thumbnailUrl: null,
      },
    });
    const raw = await ann.upload('{"a":1}', { name: "a.json", type: "application/json" });
    expect(raw.body.data).toMatchObject({ fileName: "a.json", contentType: "application/json", size: 7 });
    expect((await ann.upload("no name")).body.data).toMatchObject({
      fileName: "file",
      contentType: "text/plain",
    });
  });

  test("a part of a form that says no type is what it is", async () => {
    const png = await picture(2, 2).png().toBuffer();
    const start = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\n';
    const body = Buffer.concat([Buffer.from(start), png, Buffer.from("\r\n--b--\r\n")]);
    const { body: answer } = await send(body, { "content-type": "multipart/form-data; boundary=b" });
    expect(answer.data).toMatchObject({ contentType: "image/png", width: 2 });
  });

  test.for(["", "Content-Type:\r\n", "Content-Type: nonsense\r\n", "Content-Type: text/plain;;\r\n"])(
    "bytes without a type: %j",
    async (header) => {
      const answer = await sendRaw(
        server.url,
        `POST /api/chat/attachments HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer ${ann.token}\r\n` +
          `${header}Content-Length: 5\r\n\r\nhello`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 201 .*"contentType":"text\/plain"/s);
    },
  );

  test("a token is wanted, and an unknown method or path has the envelope too", async () => {
    const anonymous = await server.request("/api/chat/attachments", {
      method: "POST",
      headers: { "x-user-id": "ann" },
    });
    expect(anonymous).toMatchObject({
      status: 401,
      body: { success: false, data: null, error: expect.any(String) },
    });
    expect(await server.request("/api/chat/attachments")).toMatchObject({
      status: 405,
      body: { success: false },
    });
  });

  test("the size is bounded while it comes (UP4)", async () => {
    expect((await ann.upload(randomBytes(MIB))).status).toBe(201);
    expect((await ann.upload(randomBytes(MIB + 1))).status).toBe(413);
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) });
    expect((await send(endless, { "content-type": "application/octet-stream" })).status).toBe(413);
    expect((await form(["file", new Blob([randomBytes(MIB + 1)])])).status).toBe(413);
    expect((await ann.upload("")).status).toBe(400);
    expect((await form(["file", new Blob([])])).status).toBe(400);
  });

  test.for([
    ["a page as a picture", "<!doctype html><script>alert(1)</script>", "image/png"],
    ["a picture as a page", "png", "text/html"],
    ["a picture as another", "png", "image/gif"],
    ["a program as a document", "MZ\0\0\x01binary", "application/pdf"],
    ["bytes as a text", "\0\x01\x02\xff", "text/plain"],
  ] as const)("what is not what it is called: %s (UP1)", async ([, content, type]) => {
    const bytes = content === "png" ? await picture(2, 2).png().toBuffer() : Buffer.from(content, "latin1");
    expect(await ann.upload(bytes, { type })).toMatchObject({ status: 415, body: { success: false } });
  });

  test.for([
    ["../../etc/passwd", "passwd"],
    ["C:\\Users\\ann\\a.txt", "a.txt"],
    ["a\0\r\nSet-Cookie: x.png", "aSet-Cookie: x.png"],
    ["photo\u202egnp.exe", "photognp.exe"],
    ["..", "file"],
    ["", "file"],
    [`${"ä".repeat(300)}.png`, `${"ä".repeat(125)}.png`],
    ['sa"y; x=1.txt', 'sa"y; x=1.txt'],
    ["CON", "CON"],
    ["e\u0301.txt", "é.txt"],
    ["100%.txt", "100%.txt"],
  ] as const)("the name %# (UP2)", async ([given, kept]) => {
    const { attachment } = await share(ann, bob, "x", { name: given });
    expect(attachment.file_name).toBe(kept);
    const got = await bob.get(attachment.url);
    const header = got.headers.get("content-disposition") ?? "";
    expect(header).toMatch(
      /^attachment; filename="[^"\\\r\n]*"(; filename\*=UTF-8''[A-Za-z0-9!#$&+.^_`|~%-]+)?$/,
    );
    const encoded = /UTF-8''(.*)$/.exec(header)?.[1];
    expect(encoded === undefined ? /"(.*)"/.exec(header)?.[1] : decodeURIComponent(encoded)).toBe(kept);
    expect(got.headers.get("set-cookie")).toBeNull();
  });
});

describe("pictures", () => {
  test.for(["jpeg", "png", "webp"] as const)(
    "%s: measured, made small, and what the camera wrote taken out (UP7)",
    async (format) => {
      const original = await photo().toFormat(format).toBuffer();
      expect(String(original)).toContain("Secret Maker");
      const { attachment, ack } = await share(ann, bob, original, {
        name: `p.${format}`,
        type: `image/${format}`,
      });
      expect(ack.id).toBeDefined();
      expect(attachment).toMatchObject({ content_type: `image/${format}`, width: 80, height: 40 });
      const got = await bob.get(attachment.url);
      expect(got.headers.get("content-disposition")).toBe(`inline; filename="p.${format}"`);
      const bytes = await bytesOf(attachment.url);
      expect(bytes).toHaveLength(attachment.size);
      expect(String(bytes)).not.toContain("Secret Maker");
      expect((await sharp(bytes).metadata()).exif).toBeUndefined();
      // Only that: the picture is bit for bit the same.
      expect((await sharp(bytes).raw().toBuffer()).equals(await sharp(original).raw().toBuffer())).toBe(true);
      const thumbnail = await bob.get(attachment.thumbnail_url);
      expect(thumbnail.headers.get("content-type")).toBe("image/webp");
    },
  );

  test.for(["jpeg", "png", "webp"] as const)("%s: turned as it is to be shown", async (format) => {
    const original = await photo().withMetadata({ orientation: 6 }).toFormat(format).toBuffer();
    const { attachment } = await share(ann, bob, original, { type: `image/${format}` });
    expect(attachment).toMatchObject({ width: 40, height: 80 });
    const { width, height, orientation, exif } = await sharp(await bytesOf(attachment.url)).metadata();
    expect({ width, height, orientation, exif }).toEqual({
      width: 40,
      height: 80,
      orientation: undefined,
      exif: undefined,
    });
  });

  test("one without anything beside it stays byte for byte; a large one gets a small one", async () => {
    const original = await picture(1_600, 800).png().toBuffer();
    const { attachment } = await share(ann, bob, original, { type: "image/png" });
    expect((await bytesOf(attachment.url)).equals(original)).toBe(true);
    expect(await sharp(await bytesOf(attachment.thumbnail_url)).metadata()).toMatchObject({
      width: 640,
      height: 320,
    });
  });

  test.for(["gif", "avif"] as const)("%s is measured and gets a thumbnail", async (format) => {
    const original = await picture(70, 30).toFormat(format).toBuffer();
    const { attachment } = await share(ann, bob, original, { type: `image/${format}` });
    expect(attachment).toMatchObject({ content_type: `image/${format}`, width: 70, height: 30 });
    expect((await bytesOf(attachment.url)).equals(original)).toBe(true);
    expect(await sharp(await bytesOf(attachment.thumbnail_url)).metadata()).toMatchObject({
      width: 70,
      height: 30,
    });
  });

  test("a message of pictures alone is an image, of others a file", async () => {
    const png = await picture(2, 2).png().toBuffer();
    const { ack } = await share(ann, bob, png);
    const told = await bob.client.until(({ payload }) => payload.id === ack.id, "the picture");
    expect(told.payload.message_type).toBe("image");
  });

  test("bombs and ruins are refused without being decoded (UP5)", async () => {
    const png = await picture(4, 4).png().toBuffer();
    const huge = Buffer.from(png);
    huge.writeUInt32BE(50_000, 16);
    huge.writeUInt32BE(50_000, 20);
    const before = filesOnDisk();
    expect((await ann.upload(huge)).status).toBe(413);
    for (const format of ["png", "jpeg", "webp", "gif"] as const) {
      const whole = await picture(300, 300).toFormat(format).toBuffer();
      expect((await ann.upload(whole.subarray(0, whole.length * 0.6))).status, format).toBe(400);
    }
    expect(filesOnDisk()).toEqual(before);
  });

  test("SVG and HTML are saved, never shown (UP1)", async () => {
    for (const [content, type] of [
      ["<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"],
      ["<!doctype html><script>alert(1)</script>", "text/html"],
      ["<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", "application/xhtml+xml"],
    ] as const) {
      const { attachment } = await share(ann, bob, content, { name: "a.html", type });
      const { headers } = await bob.get(attachment.url);
      expect(headers.get("content-type")).toBe("application/octet-stream");
      expect(headers.get("content-disposition")).toBe('attachment; filename="a.html"');
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toBe(
        "default-src 'none'; sandbox; frame-ancestors 'none'",
      );
    }
  });
});

describe("what is broken leaves nothing", () => {
  let before: string[];
  const nothingLeft = () => expect.poll(filesOnDisk).toEqual(before);
  beforeAll(() => {
    before = filesOnDisk();
  });

  const boundary = "xxBOUNDARYxx";
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n`;
  const multipart = { "content-type": `multipart/form-data; boundary=${boundary}` };
  test.for([
    ["no boundary", `${head}\r\nhello\r\n--${boundary}--`, { "content-type": "multipart/form-data" }],
    [
      "another boundary",
      `${head}\r\nhello\r\n--${boundary}--`,
      { "content-type": "multipart/form-data; boundary=yy" },
    ],
    ["cut off in the file", `${head}\r\nhello`, multipart],
    ["cut off in the header", head.slice(0, 40), multipart],
    ["an empty field name", `${head.replace("file", "")}\r\nhello\r\n--${boundary}--\r\n`, multipart],
    [
      "no file",
      `--${boundary}\r\ncontent-disposition: form-data; name="file"\r\n\r\nhello\r\n--${boundary}--\r\n`,
      multipart,
    ],
    ["a second file", `${head}\r\nhello\r\n${head}\r\nhello\r\n--${boundary}--\r\n`, multipart],
    [
      "ten thousand parts",
      `${`--${boundary}\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n`.repeat(10_000)}--${boundary}--`,
      multipart,
    ],
    [
      "a part's header of 1 MiB",
      `--${boundary}\r\nx: ${"y".repeat(MIB)}\r\n\r\nhello\r\n--${boundary}--\r\n`,
      multipart,
    ],
    ["nothing at all", "", multipart],
  ] as const)("a form with %s (UP3)", async ([, body, headers]) => {
    expect((await send(body, headers)).status).toBe(400);
    await nothingLeft();
  });

  const open = (bytes: number, url = server.url) => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", () => {});
    socket.write(
      `POST /api/chat/attachments HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${ann.token}\r\n` +
        `Content-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`,
    );
    return { socket, answer: () => answer };
  };

  test("an upload that is dropped at 99 % (UP10)", async () => {
    const { socket } = open(100_000);
    socket.write(randomBytes(99_000));
    await expect.poll(() => readdirSync(join(scene.dataDir, "uploads"))).toEqual([]);
    socket.destroy();
    await nothingLeft();
    expect((await ann.upload("next")).status).toBe(201);
    before = filesOnDisk();
  });

  test("who may not upload hears it, however much they send", async () => {
    for (const authorization of ["Bearer nonsense", ""]) {
      const { status } = await send(randomBytes(8 * MIB), { authorization });
      expect(status).toBe(401);
    }
    expect((await ann.upload(randomBytes(8 * MIB))).status).toBe(413);
  });

  test("a server that is killed in the middle of it (G15)", async () => {
    const other = await scene.start();
    const { socket } = open(100_000, other.url);
    socket.write(randomBytes(99_000));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await other.stop("SIGKILL");
    await nothingLeft();
  });

  test("an upload that drips is ended (UP10)", { timeout: 40_000 }, async () => {
    const { socket, answer } = open(100_000);
    const drip = setInterval(() => socket.write("x"), 500);
    await expect.poll(answer, { timeout: 30_000 }).toContain("comes too slowly");
    clearInterval(drip);
    socket.destroy();
    await nothingLeft();
  });
});
