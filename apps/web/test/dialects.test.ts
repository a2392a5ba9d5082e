import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath } from "../../../packages/server/test/support/chromium.ts";
import { openWebScene, type WebScene } from "./support/people.ts";

const NAMES = ["queue", "socketio", "sse", "stomp", "websocket"] as const;

describe.skipIf(chromiumPath === null)("the page of five dialects", () => {
  let scene: WebScene;
  let page: Page;
  beforeAll(async () => {
    scene = await openWebScene("web_dialects");
    page = await scene.open("/dialects");
    await page.getByRole("heading", { name: "websocket" }).waitFor();
  });
  afterAll(async () => {
    await scene?.close();
  });

  const pane = (name: string) => page.locator(`[data-dialect=${name}]`);
  const heard = async (name: string) =>
    (await pane(name).locator("li p:first-child").allInnerTexts()).filter(
      (text) => text !== "Nothing said yet",
    );

  async function say(name: string, text: string): Promise<void> {
    await page.getByLabel(`Message over ${name}`).fill(text);
    await page.getByLabel(`Message over ${name}`).press("Enter");
  }

  test("what is said in one arrives in all, once, in one order, with its latency and its frame", async () => {
    for (const name of NAMES) {
      await say(name, `from ${name}`);
      await expect.poll(() => heard("websocket")).toContain(`from ${name}`);
    }
    const all = NAMES.map((name) => `from ${name}`);
    for (const name of NAMES) {
      await expect.poll(() => heard(name), { message: name }).toEqual(all);
      expect(
        await pane(name)
          .getByText(/^\d+(\.\d)? m?s$/)
          .count(),
        name,
      ).toBe(all.length);
    }
    await pane("stomp").locator("summary").first().click();
    await pane("stomp").locator("pre", { hasText: "MESSAGE\n" }).first().waitFor();
  });

  test("those who were cut off catch up when they resume, and send what they held", async () => {
    const before = (await heard("queue")).length;
    const away = NAMES.slice(1);
    for (const name of away) await pane(name).getByRole("button", { name: "Cut" }).click();
    await say("sse", "held back");
    await pane("sse").getByText("1 waiting for the connection").waitFor();
    await say("queue", "said meanwhile");
    await expect.poll(() => heard("queue")).toContain("said meanwhile");
    for (const name of away) expect((await heard(name)).length, name).toBe(before);
    for (const name of away) await pane(name).getByRole("button", { name: "Resume" }).click();
    for (const name of NAMES) {
      await expect
        .poll(async () => (await heard(name)).slice(before), { message: name })
        .toEqual(["said meanwhile", "held back"]);
    }
  });

  test("in capricious mode requests fail and events repeat, and nothing is lost or shown twice", async () => {
    const before = (await heard("queue")).length;
    await page.getByRole("checkbox", { name: /Capricious/ }).check();
    await pane("sse").getByText("live").waitFor();
    for (const text of ["a", "b", "c"]) await say("sse", text);
    for (const name of NAMES) {
      await expect
        .poll(async () => (await heard(name)).slice(before).toSorted(), { message: name, timeout: 25_000 })
        .toEqual(["a", "b", "c"]);
    }
    expect(scene.complaints).toEqual([]);
  });
});
