import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath } from "../../../packages/server/test/support/chromium.ts";
import { begin, field, message, openWebScene, say, type WebScene } from "./support/people.ts";

const SECRET = "q8Zr3vNw0LkTj5XbYd2HsGf7UcPe9MaV4oRi";

const tokenFor = (name: string, seconds = 600): Promise<string> =>
  new SignJWT({ name })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(name.toLowerCase())
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(new TextEncoder().encode(SECRET));

describe.skipIf(chromiumPath === null)("with tokens", () => {
  let scene: WebScene;
  /** An application of somebody else's, on an origin that the server allows. */
  const embedder = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>Shop</title><body></body>");
  });
  let origin: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => embedder.listen(0, "localhost", resolve));
    origin = `http://localhost:${(embedder.address() as AddressInfo).port}`;
    scene = await openWebScene("web_tokens", { JWT_SECRET: SECRET, ALLOWED_ORIGINS: origin });
  });
  afterAll(async () => {
    await scene?.close();
    embedder.close();
  });

  test("one is handed over in the address, and is in it no longer", async () => {
    const page = await scene.open(`/#token=${await tokenFor("Ada")}`);
    await page.getByRole("button", { name: "Ada" }).waitFor();
    expect(page.url()).toBe(`${scene.server.url}/`);
    await page.reload();
    await page.getByRole("button", { name: "Ada" }).waitFor();
  });

  test("one is pasted; a wrong one leads back, with a word", async () => {
    const page = await scene.open();
    await page.getByLabel("Token").fill("not.a.token");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Your sign-in has ended").waitFor();
    await page.getByLabel("Token").fill(await tokenFor("Ben"));
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Ben" }).waitFor();
  });

  test("an application that shows the app in a frame gives one, and a newer one when it ends", async () => {
    const page = await scene.open();
    await page.goto(origin);
    await page.exposeFunction("mint", () => tokenFor("Cleo", 4));
    await page.evaluate((url) => {
      window.addEventListener("message", async ({ origin: from, data, source }) => {
        if (from !== url || data?.type !== "parlance:token-wanted") return;
        const asked = globalThis as unknown as { mint(): Promise<string>; tokens?: number };
        asked.tokens = (asked.tokens ?? 0) + 1;
        (source as Window).postMessage({ type: "parlance:token", token: await asked.mint() }, url);
      });
      const frame = document.createElement("iframe");
      frame.src = url;
      frame.style.cssText = "width:1000px;height:700px";
      document.body.append(frame);
    }, scene.server.url);
    const app = page.frameLocator("iframe");
    await app.getByRole("button", { name: "Cleo" }).waitFor();
    await expect
      .poll(() => page.evaluate(() => (globalThis as unknown as { tokens: number }).tokens))
      .toBeGreaterThan(1);
    await app.getByRole("button", { name: "Cleo" }).waitFor();
  });

  test("pages elsewhere may neither frame the app nor give it one", async () => {
    const page = await scene.open();
    await page.evaluate(
      (token) => {
        window.postMessage({ type: "parlance:token", token }, "*");
      },
      await tokenFor("Mallory"),
    );
    await page.getByLabel("Token").waitFor();
    expect(await page.getByRole("button", { name: "Mallory" }).count()).toBe(0);
    const { headers } = await scene.server.request("/");
    expect(headers.get("content-security-policy")).toContain(`frame-ancestors ${origin};`);
  });

  test("one that ends while somebody writes: the text is kept, and nothing else is lost", async () => {
    const page = await scene.open(`/#token=${await tokenFor("Dan", 6)}`);
    await begin(page, "Ben");
    await say(page, "sent in time");
    await message(page, "sent in time")
      .getByRole("img", { name: /Sent|Delivered|Read/ })
      .waitFor();
    await field(page).fill("not sent yet");
    await page.getByText("Your sign-in has ended").waitFor();
    await page.getByLabel("Token").fill(await tokenFor("Dan"));
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect.poll(() => field(page).inputValue()).toBe("not sent yet");
  });
});
