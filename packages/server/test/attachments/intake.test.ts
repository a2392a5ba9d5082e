import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { createFileIntake } from "../../src/adapters/files/file-intake.ts";
import { readPicture } from "../../src/adapters/files/picture.ts";
import { HEAD_BYTES, sniff } from "../../src/adapters/files/sniff.ts";
import { run } from "../../src/adapters/store/embedded/run-as.ts";

const directory = mkdtempSync(join(tmpdir(), "pl-"));
afterAll(() => rmSync(directory, { recursive: true }));

const picture = (width = 60, height = 20) =>
  sharp({ create: { width, height, channels: 3, background: "red" } }).withExif({ IFD0: { Make: "Secret" } });
const take = (bytes: Buffer, contentType: string | null = null, maxBytes = 1e6) =>
  createFileIntake({ directory, images: null }).take(
    (async function* () {
      yield bytes;
    })(),
    { uploaderId: "ann", contentType, maxBytes, isAllowed: () => true },
  );

describe("without the library that makes pictures", () => {
  test.for(["jpeg", "png", "webp"] as const)(
    "%s is measured and loses what a camera wrote",
    async (format) => {
      const taken = await take(await picture().toFormat(format).toBuffer());
      const chunks: Uint8Array[] = [];
      for await (const chunk of taken.read()) chunks.push(chunk);
      await taken.discard();
      expect(taken).toMatchObject({ contentType: `image/${format}`, width: 60, height: 20, thumbnail: null });
      expect(Buffer.concat(chunks)).toHaveLength(taken.size);
      expect(String(Buffer.concat(chunks))).not.toContain("Secret");
      expect(await sharp(Buffer.concat(chunks)).metadata()).toMatchObject({ width: 60, height: 20 });
    },
  );

  test("a JPEG that lies keeps the word of how to turn it, and no other", async () => {
    const taken = await take(await picture().withMetadata({ orientation: 8 }).jpeg().toBuffer());
    const chunks: Uint8Array[] = [];
    for await (const chunk of taken.read()) chunks.push(chunk);
    await taken.discard();
    expect(taken).toMatchObject({ width: 20, height: 60 });
    expect(await sharp(Buffer.concat(chunks)).metadata()).toMatchObject({
      width: 60,
      height: 20,
      orientation: 8,
    });
    expect(String(Buffer.concat(chunks))).not.toContain("Secret");
  });
});

test("what is taken has no name in the place where it lies", async () => {
  const taken = await take(Buffer.from("x"));
  expect(readdirSync(directory)).toEqual([]);
  await taken.discard();
});

test("nobody has more than eight under way, and others have theirs", async () => {
  const intake = createFileIntake({ directory, images: null });
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const begin = (uploaderId: string) =>
    intake
      .take(
        (async function* () {
          yield Buffer.from("x");
          await finished;
        })(),
        { uploaderId, contentType: null, maxBytes: 10, isAllowed: () => true },
      )
      .then((taken) => taken.discard());
  const anns = Array.from({ length: 8 }, () => begin("ann"));
  await expect(begin("ann")).rejects.toMatchObject({ code: "overloaded" });
  const bobs = begin("bob");
  finish();
  await Promise.all([...anns, bobs]);
  await begin("ann");
});

describe("what a file is", () => {
  const zip = Buffer.from("504b0304140000000000", "hex");
  test.for<readonly [string, Buffer | string, string | null, string]>([
    ["a text", "hello", null, "text/plain"],
    ["bytes", "\0\x01\x02", null, "application/octet-stream"],
    ["a text by its name", "a,b\n1,2", "text/csv; charset=utf-8", "text/csv"],
    ["a text that begins like a picture", "BMW and other cars", "text/plain", "text/plain"],
    ["the same, unnamed", "BMW and other cars", null, "text/plain"],
    [
      "a text cut in a character",
      Buffer.concat([Buffer.alloc(HEAD_BYTES - 1, "x"), Buffer.from("é")]),
      "text/plain",
      "text/plain",
    ],
    ["JSON", "{}", "application/json", "application/json"],
    [
      "a picture by another name for it",
      Buffer.from("ffd8ffe000104a46494600", "hex"),
      "image/jpg",
      "image/jpeg",
    ],
    ["an archive", zip, "application/x-zip-compressed", "application/zip"],
    [
      "a document in an archive",
      zip,
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ],
    ["a drawing", "<?xml version='1.0'?><svg/>", "image/svg+xml", "image/svg+xml"],
    ["something unheard of", "\x07\x00\x01\x02", "application/x-mine", "application/x-mine"],
    [
      "a program under a name of its own",
      "SQLite format 3\0",
      "application/vnd.mine",
      "application/x-sqlite3",
    ],
    ["no type at all", "hello", "nonsense", "text/plain"],
  ])("%s", async ([, bytes, called, is]) => {
    expect(await sniff(Buffer.from(bytes as string, "latin1").subarray(0, HEAD_BYTES), called)).toBe(is);
  });

  test.for([
    ["a page as a picture", "<html>", "image/png"],
    ["a page as a film", "<html>", "video/mp4"],
    ["bytes as a text", "\0\x01", "text/plain"],
    ["an archive as a picture", zip, "image/jpeg"],
    ["a text as an archive", "hello", "application/zip"],
  ] as const)("refused: %s", async ([, bytes, called]) => {
    await expect(sniff(Buffer.from(bytes as string), called)).rejects.toMatchObject({
      code: "unsupported_media_type",
    });
  });
});

describe("however a picture is damaged, it is refused or read, quickly", () => {
  test.for(["jpeg", "png", "webp", "gif"] as const)("%s", async (format) => {
    const whole = await picture().toFormat(format).toBuffer();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(whole.length),
        (changes, end) => {
          const damaged = Buffer.from(whole.subarray(0, end));
          for (const [at, value] of changes) damaged[at % Math.max(end, 1)] = value;
          try {
            const found = readPicture(`image/${format}`, damaged);
            expect(found?.kept === null || Buffer.concat(found?.kept ?? []).length <= damaged.length).toBe(
              true,
            );
          } catch (error) {
            expect(error).toMatchObject({ code: "invalid" });
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

test.for([
  // After its first part each gets as many of the smallest others as it takes, before its end.
  ["jpeg", 2, Buffer.from([0xff, 0xd0])],
  ["png", 33, Buffer.from("00000000616243640000", "hex")],
  ["webp", 12, Buffer.from("ABCD\0\0\0\0", "latin1")],
] as const)("%s of more parts than a picture has is refused", async ([format, at, part]) => {
  const whole = await picture().toFormat(format).toBuffer();
  const padded = Buffer.alloc(format === "png" ? 12 : part.length);
  part.copy(padded);
  const parts = (count: number) => {
    const file = Buffer.concat([whole.subarray(0, at), ...Array(count).fill(padded), whole.subarray(at)]);
    if (format === "webp") file.writeUInt32LE(file.length - 8, 4);
    return file;
  };
  const read = (count: number) => readPicture(`image/${format}`, parts(count));
  expect(() => read(100_001)).toThrow(expect.objectContaining({ code: "invalid" }));
  if (format !== "webp") expect(read(1_000)).toMatchObject({ width: 60, height: 20 });
});

const inNamespace = ["--user", "--map-root-user", "--mount", "sh", "-c"];
const mayMount = (await run(["unshare", ...inNamespace, "mount -t tmpfs none /mnt"])).status === 0;

test.runIf(mayMount)("a disk that is full (UP11)", async () => {
  const script = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" "$3" "$1"';
  const program = new URL("small-disk.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)("unshare", [
    ...inNamespace,
    script,
    "sh",
    directory,
    process.execPath,
    program,
  ]);
  expect(JSON.parse(stdout)).toEqual({
    intake: { name: "Refusal", code: "unavailable" },
    blobs: { name: "BlobError", kind: "full" },
    left: [],
    next: "taken",
  });
});
