/** Makes the pictures of the README anew, of the app as it is built: `npm run screenshots`. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions, Page } from "playwright-core";
import sharp from "sharp";
import { launchChromium } from "../../../packages/server/test/support/chromium.ts";
import { scratchDirectory, startServer } from "../../../packages/server/test/support/server.ts";
import { fillScene, nameOf } from "./scene.ts";

const IMAGES = fileURLToPath(new URL("../../../docs/images/", import.meta.url));
const WIDE = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
/** Until what moves has come to rest. */
const REST_MS = 900;

const dataDir = scratchDirectory();
const server = await startServer({ DATA_DIR: dataDir });
const browser = await launchChromium();
try {
  mkdirSync(IMAGES, { recursive: true });
  const { title, threadText } = await fillScene(server);

  const enter = async (name: string, options: BrowserContextOptions): Promise<Page> => {
    const page = await (await browser.newContext({ locale: "en-GB", ...options })).newPage();
    await page.goto(server.url);
    await page.getByLabel("Your name").fill(name);
    const button = page.getByRole("button", { name: "Enter" });
    // A mouse would stay where it was, over some message.
    await (options.hasTouch === true ? button.tap() : button.click());
    await page.getByRole("link", { name: title }).waitFor();
    return page;
  };
  const keep = async (page: Page, name: string): Promise<void> => {
    await page.waitForTimeout(REST_MS);
    await sharp(await page.screenshot())
      .webp({ quality: 84 })
      .toFile(join(IMAGES, `${name}.webp`));
  };

  // Somebody else is here, and types.
  const charles = await enter(nameOf("charles"), WIDE);
  await charles.getByRole("link", { name: title }).click();
  await enter(nameOf("grace"), WIDE);

  const light = await enter(nameOf("ada"), { ...WIDE, colorScheme: "light" });
  await light.getByRole("link", { name: title }).click();
  const chart = light.locator("main article", { hasText: threadText }).first();
  await chart.getByRole("button", { name: /replies/ }).click();
  await light.getByRole("textbox", { name: /thread/ }).focus();
  await light.mouse.move(1100, 640);
  await charles.getByRole("textbox", { name: /^Message / }).pressSequentially("I will");
  await keep(light, "app-light");

  const dark = await enter(nameOf("ada"), { ...WIDE, colorScheme: "dark" });
  await dark.getByRole("link", { name: title }).click();
  await dark.getByRole("button", { name: "Details" }).click();
  await dark.locator("main article", { hasText: "With. I kept" }).hover();
  await keep(dark, "app-dark");

  const phone = await enter(nameOf("ada"), { ...PHONE, colorScheme: "dark" });
  await keep(phone, "phone-list");
  await phone.getByRole("link", { name: title }).tap();
  await keep(phone, "phone-conversation");

  const dialects = await (
    await browser.newContext({ ...WIDE, viewport: { width: 1280, height: 640 } })
  ).newPage();
  await dialects.goto(`${server.url}/dialects`);
  await dialects.getByRole("button", { name: "Say hello in all five" }).click();
  await dialects.getByText("Hello from websocket").nth(4).waitFor();
  await keep(dialects, "dialects");
} finally {
  await browser.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
