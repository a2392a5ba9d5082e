import AxeBuilder from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath } from "../../../packages/server/test/support/chromium.ts";
import { conversation, field, message, openWebScene, say, type WebScene } from "./support/people.ts";

/** Each would set `pwned` in the page if any of it became more than text. */
const ATTACKS = [
  `<img src=x onerror="window.pwned=1">`,
  `<script>window.pwned=1</script>`,
  `"><svg onload=window.pwned=1>`,
  `[click](javascript:window.pwned=1)`,
  `<a href="javascript:window.pwned=1">x</a>`,
  `{{constructor.constructor('window.pwned=1')()}}`,
  `](javascript:window.pwned=1) <javascript:window.pwned=1>`,
  "```<iframe srcdoc='<script>parent.pwned=1</script>'>```",
] as const;
const [FIRST] = ATTACKS;

async function expectInert(page: Page): Promise<void> {
  expect(await page.evaluate(() => "pwned" in window)).toBe(false);
  const found = await page.evaluate(() => ({
    scripts: document.querySelectorAll("script:not([src]), iframe, object, embed").length,
    handlers: [...document.querySelectorAll("*")].filter((one) =>
      [...one.attributes].some(({ name }) => name.startsWith("on")),
    ).length,
    links: [...document.querySelectorAll("a")].filter(({ protocol }) => !/^(https?|mailto):$/.test(protocol))
      .length,
  }));
  expect(found).toEqual({ scripts: 0, handlers: 0, links: 0 });
}

/** What axe finds of serious faults: rule, and where. */
async function faults(page: Page, rules?: readonly string[]): Promise<string[]> {
  // By the protocol and past the page's policy, which lets no script in.
  await page.evaluate(AxeBuilder.source);
  return await page.evaluate(async (only) => {
    const { violations } = await (globalThis as unknown as { axe: typeof AxeBuilder }).axe.run(document, {
      resultTypes: ["violations"],
      ...(only !== undefined && { runOnly: [...only] }),
    });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
      );
  }, rules);
}

describe.skipIf(chromiumPath === null)("what people write", () => {
  let scene: WebScene;
  let page: Page;
  beforeAll(async () => {
    scene = await openWebScene("web_safety");
  });
  afterAll(async () => {
    await scene?.close();
  });

  test("stays text in every field of the app", async () => {
    const mallory = `mallory ${FIRST}`;
    page = await scene.enter(mallory);
    await page.getByRole("button", { name: "New conversation" }).click();
    await page.getByLabel("Find people by name").fill(`victim ${FIRST}`);
    await page
      .getByRole("dialog")
      .getByRole("button", { name: /has not been here yet/ })
      .click();
    await page.getByLabel("Group name").fill(`group ${FIRST}`);
    await page.getByRole("button", { name: "Create group" }).click();
    for (const attack of ATTACKS) await say(page, attack);
    await page.locator("main input[type=file]").setInputFiles([
      {
        name: `file ${FIRST}.txt`,
        mimeType: "text/html",
        buffer: Buffer.from("<script>window.pwned=1</script>"),
      },
      {
        name: "drawing.svg",
        mimeType: "image/svg+xml",
        buffer: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=1"/>`),
      },
    ]);
    await expect
      .poll(() => page.getByRole("list", { name: "Files to be sent" }).getByText(/ B$/).count())
      .toBe(2);
    await say(page, "with files");
    await message(page, "with files").getByRole("link").first().waitFor();
    // It may be stored by now, or not.
    await message(page, "with files").focus();
    await page.keyboard.press("t");
    const thread = page.getByRole("complementary", { name: "Thread" });
    await thread.getByRole("textbox").fill(FIRST);
    await thread.getByRole("textbox").press("Enter");
    await expect.poll(() => thread.locator("article").count()).toBe(2);
    await expectInert(page);

    await page.getByRole("button", { name: "Details" }).click();
    await page.getByRole("button", { name: "Group settings" }).click();
    await page.getByLabel("Description").fill(FIRST);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("complementary").getByText(FIRST).first().waitFor();
    await page
      .getByRole("button", { name: /^MO|mallory/ })
      .first()
      .click();
    await page.getByRole("menuitem", { name: "Your profile" }).click();
    await page.getByLabel("Name", { exact: true }).fill(`renamed ${FIRST}`);
    await page.getByRole("button", { name: "Save" }).click();
    await page.keyboard.press("Control+k");
    await page.getByRole("search").getByRole("textbox").fill(FIRST);
    await page.getByRole("search").getByText(FIRST).first().waitFor();
    await field(page).fill(FIRST);
    await page.reload();
    await expect.poll(() => field(page).inputValue()).toBe(FIRST);
    await message(page, ATTACKS[3]).waitFor();
    await expectInert(page);
    for (const attack of ATTACKS.slice(0, 7))
      expect(await message(page, attack).count(), attack).toBeGreaterThan(0);
    expect(scene.complaints).toEqual([]);
  });

  test.each(["light", "dark"] as const)(
    "has no serious fault of accessibility, in %s",
    async (colorScheme) => {
      // Colours are all that is another in the dark.
      const rules = colorScheme === "dark" ? ["color-contrast"] : undefined;
      for (const [user, name] of [
        ["ada", "Ada"],
        ["ben", "Ben"],
      ] as const) {
        await scene.ask(user, "PUT", "/users/me", { name });
      }
      const group = await scene.ask("ben", "POST", "/conversations", {
        name: `axe ${colorScheme}`,
        userIds: ["ada"],
      });
      const texts = [
        "**bold** `code` https://example.org",
        "> quote\n\n- list",
        "```\ncode\n```",
        "hello @Ada",
        "🎉",
      ];
      for (const content of texts) {
        const sent = await scene.ask("ben", "POST", `/conversations/${group.id}/messages`, { content });
        await scene.ask("ben", "POST", `/messages/${sent.id}/reactions`, { emoji: "👍" });
      }
      const signIn = await scene.open("/", { colorScheme });
      await signIn.getByLabel("Your name").waitFor();
      expect(await faults(signIn, rules)).toEqual([]);

      const ada = await scene.enter("Ada", { colorScheme });
      await conversation(ada, `axe ${colorScheme}`).click();
      await say(ada, "my own");
      await message(ada, "hello @Ada").hover();
      expect(await faults(ada, rules)).toEqual([]);
      await message(ada, "bold").focus();
      await ada.keyboard.press("t");
      await ada.getByRole("complementary", { name: "Thread" }).locator("article").first().waitFor();
      expect(await faults(ada, rules)).toEqual([]);
      await ada.getByRole("button", { name: "Details" }).click();
      await ada.getByRole("complementary", { name: "Details" }).getByText("Ben").first().waitFor();
      expect(await faults(ada, rules)).toEqual([]);
      await ada.getByRole("button", { name: "New conversation" }).click();
      await ada.getByRole("dialog").getByRole("button", { name: /Ben/ }).first().waitFor();
      expect(await faults(ada, rules)).toEqual([]);

      const dialects = await scene.open("/dialects", { colorScheme });
      await dialects.getByRole("button", { name: "Say hello in all five" }).click();
      await dialects.getByText("Hello from websocket").nth(4).waitFor();
      expect(await faults(dialects, rules)).toEqual([]);
      await Promise.all([signIn, ada, dialects].map((one) => one.context().close()));
    },
  );
});
