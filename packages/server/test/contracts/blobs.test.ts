import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDirectoryBlobs } from "../../src/adapters/blobs/directory-blobs.ts";
import { createS3Blobs } from "../../src/adapters/blobs/s3-blobs.ts";
import { BUCKET, type S3Double, startS3Double } from "../support/s3-double.ts";
import { scratchDirectory } from "../support/server.ts";
import { blobsContract } from "./blobs.ts";

blobsContract("files in a directory", async () => {
  const root = join(scratchDirectory(), "blobs");
  return {
    blobs: createDirectoryBlobs(root),
    stored: async () =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name),
    close: async () => rmSync(root, { recursive: true }),
  };
});

const bucketAt = (endpoint: string, over: object = {}) =>
  createS3Blobs({ ...BUCKET, prefix: "in a/Prefix/", endpoint, isPathStyle: true, isLinked: true, ...over });

blobsContract("objects in a bucket", async () => {
  const double = await startS3Double();
  const blobs = bucketAt(double.endpoint);
  return {
    blobs,
    stored: async () => double.keys().map((key) => key.replace("in a/Prefix/", "")),
    async close() {
      blobs.close();
      await double.close();
    },
  };
});

let double: S3Double;
beforeAll(async () => {
  double = await startS3Double();
});
afterAll(() => double.close());
const hello = {
  size: 5,
  read: async function* () {
    yield Buffer.from("hello");
  },
};
const headers = {
  contentType: "image/png",
  contentDisposition: `inline; filename="a b.png"; filename*=UTF-8''%C3%A4.png`,
};

test("a link is good for a minute, and for nothing but what it says", async () => {
  const blobs = bucketAt(double.endpoint);
  await blobs.write("linked", hello);
  const link = (await blobs.link("linked", headers)) as string;
  const got = await fetch(link);
  expect(await got.text()).toBe("hello");
  expect(got.headers.get("content-type")).toBe(headers.contentType);
  expect(got.headers.get("content-disposition")).toBe(headers.contentDisposition);
  const statusOf = async (url: string) => (await fetch(url)).status;
  expect(await statusOf(link.replace("image%2Fpng", "text%2Fhtml"))).toBe(403);
  expect(await statusOf(link.replace("linked", "others"))).toBe(403);
  expect(await statusOf(link.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"))).toBe(403);
  double.later(61_000);
  expect(await statusOf(link)).toBe(403);
  double.later(0);
  expect(await bucketAt(double.endpoint, { isLinked: false }).link("linked", headers)).toBeNull();
});

test("a service at fault is asked again, and its refusals are not", async () => {
  const blobs = bucketAt(double.endpoint);
  double.fail(503, 2);
  await blobs.write("again", hello);
  expect(double.keys()).toContain("in a/Prefix/again");
  double.fail(500, 99);
  await expect(blobs.write("never", hello)).rejects.toMatchObject({ kind: "unavailable" });
  double.fail(0, 0);
  const before = double.requests();
  const wrong = bucketAt(double.endpoint, { secretAccessKey: "another" });
  await expect(wrong.write("mine", hello)).rejects.toMatchObject({ kind: "unavailable" });
  expect(double.requests()).toBe(before + 1);
});

test("a service that is not there", async () => {
  const gone = await startS3Double();
  await gone.close();
  await expect(bucketAt(gone.endpoint).write("x", hello)).rejects.toMatchObject({ kind: "unavailable" });
});
