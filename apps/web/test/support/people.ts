import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { launchChromium } from "../../../../packages/server/test/support/chromium.ts";
import {
  openScene,
  type Scene,
  type ServerProcess,
} from "../../../../packages/server/test/support/server.ts";
import { builtApp } from "./built-app.ts";

/** How long something may take to show, in milliseconds: generous, for nothing here is measured. */
const PATIENCE_MS = 15_000;

export interface WebScene extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly browser: Browser;
  /** What pages complained of: errors, refusals of the policy, requests to other hosts. */
  readonly complaints: string[];
  /** A page in a browser of its own. */
  open(path?: string, options?: BrowserContextOptions): Promise<Page>;
  /** Somebody who is signed in, in open mode. */
  enter(name: string, options?: BrowserContextOptions): Promise<Page>;
  /** A request as somebody, to the stomp dialect's REST; its `data`. */
  // What a test knows of an answer it says by its expectations.
  // biome-ignore lint/suspicious/noExplicitAny: any shape may come
  ask(user: string, method: string, path: string, body?: unknown): Promise<any>;
  close(): Promise<void>;
}

/** A server with the app as it is now, and a browser. */
export async function openWebScene(
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<WebScene> {
  const [scene, directory, browser]: [Scene, string, Browser] = await Promise.all([
    openScene(name),
    builtApp(),
    launchChromium(),
  ]);
  const server = await scene.start({ WEB_APP_DIR: directory, ...env });
  const complaints: string[] = [];

  async function open(path = "/", options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted ?Type/i.test(message.text()))
        complaints.push(`policy: ${message.text()}`);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(server.url) && !/^(blob|data):/.test(url)) complaints.push(`elsewhere: ${url}`);
    });
    await page.goto(server.url + path);
    return page;
  }

  const tokens = new Map<string, string>();
  async function ask(user: string, method: string, path: string, body?: unknown) {
    if (!tokens.has(user)) {
      tokens.set(user, (await server.request("/api/dev/token", { body: { user } })).body.token);
    }
    const headers = { authorization: `Bearer ${tokens.get(user)}` };
    const answer = await server.request(`/api/chat${path}`, {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    if (answer.status >= 400)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.data;
  }

  const close = async (): Promise<void> => {
    await browser.close();
    await scene.close();
  };
  return {
    server,
    browser,
    complaints,
    open,
    async enter(person, options) {
      const page = await open("/", options);
      await page.getByLabel("Your name").fill(person);
      await page.getByRole("button", { name: "Enter" }).click();
      await page.getByRole("navigation", { name: "Conversations" }).waitFor();
      return page;
    },
    ask,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The field one writes into; in a panel, the panel's. */
export const field = (page: Page, label = /^Message /): Locator => page.getByRole("textbox", { name: label });

export async function say(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press("Enter");
}

/** A message by what it says. */
export const message = (page: Page, text: string | RegExp): Locator =>
  page.locator("main article", { hasText: text });

export const conversation = (page: Page, title: string): Locator =>
  page.getByRole("navigation").getByRole("link", { name: title });

/** Opens the direct conversation with somebody from the window for new ones. */
export async function begin(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.getByLabel("Find people by name").fill(name);
  await page.getByRole("dialog").getByRole("button", { name }).first().click();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await field(page).waitFor();
}
