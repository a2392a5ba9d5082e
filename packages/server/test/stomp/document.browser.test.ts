import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath, launchChromium } from "../support/chromium.ts";
import { openScene, type Scene, type ServerProcess } from "../support/server.ts";
import { type Chat, chatClient, type Heard, talk } from "./support/chat-client.ts";
import { tokenOf } from "./support/live-client.ts";

/** The document's client in a real browser, on a page of another origin than the server's. */

const require = createRequire(import.meta.url);
const FILES: Readonly<Record<string, readonly [type: string, content: string]>> = {
  "/": [
    "text/html",
    `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
     <script src="/sockjs.js"></script><script src="/stomp.js"></script>`,
  ],
  "/sockjs.js": [
    "text/javascript",
    readFileSync(require.resolve("sockjs-client/dist/sockjs.min.js"), "utf8"),
  ],
  "/stomp.js": ["text/javascript", readFileSync(require.resolve("@stomp/stompjs"), "utf8")],
};

describe.skipIf(chromiumPath === null)("the document's client in Chromium", () => {
  const pages = createServer(({ url }, response) => {
    const [type, content] = FILES[url ?? ""] ?? [];
    if (content === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(content);
  });
  let scene: Scene;
  let server: ServerProcess;
  let browser: Browser;
  let tabs: Awaited<ReturnType<typeof openTab>>[];
  beforeAll(async () => {
    scene = await openScene("stomp_browser");
    [server, browser] = await Promise.all([
      scene.start(),
      launchChromium(),
      once(pages.listen(0, "127.0.0.1"), "listening"),
    ]);
    tabs = [await openTab(), await openTab()];
  });
  afterAll(async () => {
    pages.close();
    await Promise.all([browser?.close(), scene.close()]);
  });

  /** A person's browser, on the page; what its clients log goes to whoever asked last. */
  async function openTab(): Promise<(transports: string, token: string) => Promise<Chat>> {
    const page = await (await browser.newContext()).newPage();
    let heard: Heard[] = [];
    await page.exposeFunction("log", (word: string, body: unknown) => heard.push({ word, body }));
    await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
    await page.evaluate("({ Stomp } = StompJs); OneOfAll = SockJS");
    return async (transports, token) => {
      const own: Heard[] = [];
      heard = own;
      await page.evaluate(`
        SockJS = new Proxy(OneOfAll, { construct: (target, [url]) => new target(url, null, { transports: "${transports}" }) });
        (${chatClient(server.url)})("${token}", log).then((connected) => { chat = connected; })`);
      return {
        heard: own,
        call: async (method, ...args) => {
          await page.evaluate(`void chat[${JSON.stringify(method)}](...${JSON.stringify(args)})`);
        },
        close: () => page.evaluate("chat.disconnect()"),
      };
    };
  }

  test.each(["websocket", "xhr-streaming", "xhr-polling", "eventsource"])("over %s", async (transport) => {
    const free = [...tabs];
    await talk(server, `browser-${transport}`, async (token) => {
      const open = free.pop();
      if (open === undefined) throw new Error("a talk has two people");
      return await open(transport, token);
    });
  });

  test("who has no token that is valid hears why", async () => {
    const forged = (await tokenOf(server, "nobody")).replace(/[^.]+$/, "A".repeat(43));
    await expect(tabs[0]?.("websocket", forged)).rejects.toThrow(/token/i);
  });
});
