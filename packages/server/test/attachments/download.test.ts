import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUCKET, type S3Double, startS3Double } from "../support/s3-double.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { type Person, personOf, share } from "./people.ts";

const CONTENT = randomBytes(1_000);

describe("out of a directory", () => {
  let scene: Scene;
  let server: ServerProcess;
  let ann: Person;
  let bob: Person;
  let url: string;
  beforeAll(async () => {
    scene = await openScene("attachments_download");
    server = await scene.start({ BLOBS_URL: mkdtempSync(join(tmpdir(), "pl-")) });
    ann = await personOf(server, "ann");
    bob = await personOf(server, "bob");
    url = (await share(ann, bob, CONTENT)).attachment.url;
  });
  afterAll(() => scene.close());

  const answerTo = async (headers: Record<string, string>) => {
    const response = await bob.get(url, headers);
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, range: response.headers.get("content-range"), bytes };
  };

  test.for([
    ["bytes=0-99", 0, 99],
    ["bytes=900-", 900, 999],
    ["bytes=900-5000", 900, 999],
    ["bytes=-10", 990, 999],
    ["bytes=-5000", 0, 999],
    ["bytes=7-7", 7, 7],
  ] as const)("a range: %s", async ([range, first, last]) => {
    expect(await answerTo({ range })).toEqual({
      status: 206,
      range: `bytes ${first}-${last}/1000`,
      bytes: CONTENT.subarray(first, last + 1),
    });
  });

  test.for(["bytes=1000-", "bytes=9999-", "bytes=-0"])("a range behind the end: %s (UP9)", async (range) => {
    const answer = await answerTo({ range });
    expect(answer).toMatchObject({ status: 416, range: "bytes */1000" });
    expect(answer.bytes.toString("utf8")).toContain("The range begins behind the end of the file");
  });

  test.for([
    `bytes=${"0-,".repeat(1_000)}0-`,
    "bytes=0-1,5-6",
    "bytes=9-2",
    "bytes=a-b",
    "lines=0-1",
    "bytes=-",
  ])("what is not one range is not looked at (UP9): %#", async (range) => {
    expect(await answerTo({ range })).toEqual({ status: 200, range: null, bytes: CONTENT });
  });

  test("a tag that never changes: not sent again, and If-Range", async () => {
    const first = await bob.get(url);
    await first.arrayBuffer();
    const etag = first.headers.get("etag") as string;
    expect(first.headers.get("accept-ranges")).toBe("bytes");
    expect(first.headers.get("cache-control")).toBe("private, no-cache");
    expect((await bob.get(url, { "if-none-match": `"x", W/${etag}` })).status).toBe(304);
    expect((await answerTo({ range: "bytes=0-9", "if-range": etag })).status).toBe(206);
    expect((await answerTo({ range: "bytes=0-9", "if-range": '"other"' })).status).toBe(200);
    expect((await answerTo({ range: "bytes=0-9", "if-range": new Date().toUTCString() })).status).toBe(200);
  });

  test("HEAD says what GET would", async () => {
    const response = await fetch(server.url + url, {
      method: "HEAD",
      headers: { authorization: `Bearer ${bob.token}` },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("1000");
    expect(await response.text()).toBe("");
  });

  test("the token may stand in the query, for pages that cannot set headers", async () => {
    expect((await fetch(`${server.url}${url}?token=${bob.token}`)).status).toBe(200);
    expect((await fetch(`${server.url}${url}?token=nonsense`)).status).toBe(401);
  });
});

describe("out of a bucket", () => {
  let scene: Scene;
  let double: S3Double;
  const start = (more = "") =>
    scene.start({
      BLOBS_URL: `s3://${BUCKET.name}/prefix?endpoint=${double.endpoint}&region=${BUCKET.region}${more}`,
      S3_ACCESS_KEY_ID: BUCKET.accessKeyId,
      AWS_SECRET_ACCESS_KEY: BUCKET.secretAccessKey,
    });
  beforeAll(async () => {
    scene = await openScene("attachments_bucket");
    double = await startS3Double();
  });
  afterAll(async () => {
    await scene.close();
    await double.close();
  });

  test("whoever may have it is sent there, with the name and type we give it", async () => {
    const server = await start();
    const [ann, bob, eve] = await Promise.all(["ann", "bob", "eve"].map((id) => personOf(server, id)));
    const { attachment } = await share(ann as Person, bob as Person, "<script>", {
      name: "a.html",
      type: "text/html",
    });
    expect((await eve?.get(attachment.url))?.status).toBe(404);
    const sent = (await bob?.get(attachment.url)) as Response;
    expect(sent.status).toBe(302);
    expect(sent.headers.get("cache-control")).toBe("private, no-store");
    const got = await fetch(sent.headers.get("location") as string);
    expect(await got.text()).toBe("<script>");
    expect(got.headers.get("content-type")).toBe("application/octet-stream");
    expect(got.headers.get("content-disposition")).toBe('attachment; filename="a.html"');
  });

  test("or served through this server", async () => {
    const server = await start("&redirect=off");
    const ann = await personOf(server, "ann");
    const bob = await personOf(server, "bob");
    const { attachment } = await share(ann, bob, CONTENT);
    const got = await bob.get(attachment.url, { range: "bytes=10-19" });
    expect(got.status).toBe(206);
    expect(Buffer.from(await got.arrayBuffer())).toEqual(CONTENT.subarray(10, 20));
  });

  test("while the bucket fails nothing is taken, and messages go on", async () => {
    const server = await start();
    const ann = await personOf(server, "ann");
    double.fail(500, 1_000);
    const refused = await ann.upload("hello");
    expect(refused).toMatchObject({ status: 503, body: { success: false } });
    expect((await ann.client.ask("conversation.open", { participants: ["bob"] })).event).toBe(
      "conversation.opened",
    );
    double.fail(0, 0);
    expect((await ann.upload("hello")).status).toBe(201);
    expect(readdirSync(join(scene.dataDir, "uploads"))).toEqual([]);
  });
});
