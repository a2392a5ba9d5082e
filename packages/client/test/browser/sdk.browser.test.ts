import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, launchChromium } from "../../../server/test/support/chromium.ts";
import { openScene, type Scene, type ServerProcess } from "../../../server/test/support/server.ts";
import type { Client } from "../../src/client.ts";
import { type Cutter, openCutter } from "../support/cutter.ts";
import { live, person, stopClients, when } from "../support/people.ts";
import type { sdk as Sdk } from "./page.ts";

declare const sdk: typeof Sdk;
declare global {
  var me: Client;
}

describe.skipIf(chromiumPath === null)("in Chromium", () => {
  let scene: Scene;
  let server: ServerProcess;
  let cutter: Cutter;
  let pages: Server;
  let browser: Browser;

  beforeAll(async () => {
    const bundle = await rolldown({
      input: fileURLToPath(new URL("page.ts", import.meta.url)),
      platform: "browser",
      transform: { define: { "process.env.NODE_ENV": '"production"' } },
    });
    const { output } = await bundle.generate({ format: "iife", name: "page" });
    const html = `<!doctype html><title>SDK</title><div id="root"></div><script>${output[0].code.replaceAll("</script", "<\\/script")}</script>`;
    pages = createServer((_, response) =>
      response.setHeader("content-type", "text/html; charset=utf-8").end(html),
    );
    pages.listen(0, "127.0.0.1");
    await once(pages, "listening");
    scene = await openScene("client_browser");
    server = await scene.start();
    cutter = await openCutter(() => server.url);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await cutter.close();
    pages.close();
    await scene.close();
  });
  afterEach(async () => {
    stopClients();
    cutter.down(false);
    for (const context of browser.contexts()) await context.close();
  });

  async function openPage(): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
    return page;
  }

  test("the storages of browsers keep what the port promises", async () => {
    const page = await openPage();
    expect(
      await page.evaluate(async () => ({
        local: await sdk.brokenPromises(sdk.webStorage(), () => sdk.webStorage()),
        session: await sdk.brokenPromises(sdk.webStorage(sessionStorage), null),
        indexed: await sdk.brokenPromises(sdk.indexedDbStorage("one"), () => sdk.indexedDbStorage("one")),
      })),
    ).toEqual({ local: [], session: [], indexed: [] });
  });

  describe.each(["webStorage", "indexedDbStorage"] as const)("%s", (storage) => {
    test("what was written offline goes out after a reload, once", async () => {
      const bob = person(server, `${storage}-b`);
      await live(bob);
      const { id } = await bob.conversations.direct(`${storage}-a`);
      await bob.history.open(id);
      const page = await openPage();
      const start = () =>
        page.evaluate(
          ({ storage, url }) => {
            globalThis.me = new sdk.Client({ url, user: `${storage}-a`, storage: sdk[storage]() });
            globalThis.me.start();
          },
          { storage, url: cutter.url },
        );
      await start();
      await page.waitForFunction(() => globalThis.me.get("inbox").ids.length === 1);
      cutter.down(true);
      await page.evaluate(async (id) => {
        void globalThis.me.messages.send(id, "one");
        void globalThis.me.messages.send(id, "two");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }, id);
      await page.reload();
      await start();
      await page.waitForFunction(() => globalThis.me.get("connection").queued === 2);
      cutter.down(false);
      const { messages } = await when(bob, `timeline:${id}`, (timeline) => timeline.messages.length === 2);
      expect(messages.map(({ content }) => content)).toEqual(["one", "two"]);
      await page.waitForFunction(() => globalThis.me.get("connection").queued === 0);
    });
  });

  test("where localStorage is full it is said, and the message goes out", async () => {
    const bob = person(server, "full-b");
    await live(bob);
    const { id } = await bob.conversations.direct("full-a");
    await bob.history.open(id);
    const page = await openPage();
    const error = await page.evaluate(
      async ({ url, id }) => {
        for (let size = 1 << 22; size > 0; size >>= 1) {
          try {
            for (let i = 0; i < 99; i++) localStorage.setItem(`${size} ${i}`, "x".repeat(size));
          } catch {}
        }
        const client = new sdk.Client({ url, user: "full-a", storage: sdk.webStorage() });
        const failed = new Promise<string>((resolve) => {
          client.on("storage", ({ error }) => resolve((error as Error).name));
        });
        client.start();
        await client.messages.send(id, "all the same");
        return await failed;
      },
      { url: server.url, id },
    );
    expect(error).toBe("QuotaExceededError");
    await when(bob, `timeline:${id}`, ({ messages }) => messages[0]?.content === "all the same");
  });

  test("a file's progress is told", async () => {
    const page = await openPage();
    const { progress, size } = await page.evaluate(async (url) => {
      const client = new sdk.Client({ url, user: "uploader" });
      const progress: number[] = [];
      const file = new File([new Uint8Array(4 << 20)], "bytes.bin");
      const { size } = await client.files.upload(file, { onProgress: (loaded) => progress.push(loaded) });
      return { progress, size };
    }, server.url);
    expect(size).toBe(4 << 20);
    expect(progress.at(-1)).toBe(4 << 20);
  });

  test("React renders what has changed, once for what comes together, and keeps its nodes", async () => {
    const bob = person(server, "react-b");
    await live(bob);
    const { id } = await bob.conversations.direct("react-a");
    const { id: other } = await bob.conversations.createGroup(["react-a"], { name: "other" });
    const page = await openPage();
    await page.evaluate(
      async ({ url, id }) => {
        const client = new sdk.Client({ url, user: "react-a" });
        globalThis.me = client;
        client.start();
        sdk.show(client, id);
      },
      { url: cutter.url, id },
    );
    await page.waitForSelector("#inbox li + li");
    await page.waitForFunction((id) => globalThis.me.get(`timeline:${id}`).status === "ready", id);

    // A message of one's own is the same node while it is under way and when it is stored.
    cutter.down(true);
    await page.evaluate((id) => void globalThis.me.messages.send(id, "mine"), id);
    const own = await page.waitForSelector('#timeline li[data-state="sending"]');
    cutter.down(false);
    await page.waitForSelector('#timeline li[data-state="stored"]');
    expect(await own.getAttribute("data-state")).toBe("stored");

    const reset = () => page.evaluate(() => Object.keys(sdk.renders).map((name) => delete sdk.renders[name]));
    const renders = () => page.evaluate(() => ({ ...sdk.renders }));
    await reset();
    await bob.messages.send(other, "elsewhere");
    await page.waitForFunction(
      (other) => document.querySelector(`[data-id="${other}"]`)?.textContent === "1",
      other,
    );
    const quiet = await renders();
    expect(quiet).not.toHaveProperty("timeline");
    expect(quiet).not.toHaveProperty("typing");
    expect(quiet).not.toHaveProperty(`row ${id}`);

    // What was missed comes together, and is shown together.
    cutter.down(true);
    for (let i = 0; i < 60; i++) await bob.messages.send(id, `${i}`);
    await reset();
    cutter.down(false);
    await page.waitForFunction(() => document.querySelectorAll("#timeline li").length === 61);
    expect((await renders()).timeline).toBeLessThan(5);

    bob.conversations.typing(id);
    await page.waitForFunction(() => document.getElementById("typing")?.textContent === "react-b");
  });
});
