import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath } from "../../../packages/server/test/support/chromium.ts";
import { connect, type TestClient } from "../../../packages/server/test/support/socket.ts";
import { conversation, message, openWebScene, say, type WebScene } from "./support/people.ts";

async function closing(opening: Promise<TestClient>) {
  const client = await opening;
  return { client, [Symbol.asyncDispose]: async () => void (await client.close()) };
}

/** More than the app holds of one conversation. */
const MESSAGES = 1_300;
const HELD = 1_000;
/** Messages that one page may hold however many were said. */
const MOST_IN_PAGE = 60;

describe.skipIf(chromiumPath === null)("a long conversation", () => {
  let scene: WebScene;
  let ada: Page;
  let id: number;
  beforeAll(async () => {
    scene = await openWebScene("web_history");
    await scene.ask("ben", "PUT", "/users/me", { name: "Ben" });
    id = (await scene.ask("ben", "POST", "/conversations/direct/ada")).id;
    await using ben = await closing(connect(scene.server, { user: "ben" }));
    await Promise.all(
      Array.from({ length: MESSAGES }, (_, i) => {
        const more = i % 7 === 0 ? `\n\n${"with more to say ".repeat(20)}` : "";
        return ben.client.ask("message.send", {
          conversation_id: String(id),
          content: `number ${i + 1}.${more}`,
        });
      }),
    );
    await scene.ask("ada", "POST", `/conversations/${id}/read`);
    ada = await scene.enter("Ada");
    await conversation(ada, "Ben").click();
    await message(ada, `number ${MESSAGES}.`).waitFor();
  });
  afterAll(async () => {
    await scene?.close();
  });

  const scroller = () => ada.locator("main section").locator("..");
  const fromEnd = () => scroller().evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);

  test("begins at its end, with no more in the page than is seen", async () => {
    await expect.poll(fromEnd).toBeLessThan(2);
    expect(await ada.locator("main article").count()).toBeLessThan(MOST_IN_PAGE);
  });

  test("does not move under the reader while older ones load above, nor when something new is said", async () => {
    // Where the message at the top of the window stands, watched in each frame while the wheel rests.
    const jumps = await ada.evaluate(async () => {
      const element = document.querySelector("main section")?.parentElement as HTMLElement;
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      const top = element.getBoundingClientRect().top;
      const anchor = () =>
        [...element.querySelectorAll("article")].find(
          (one) => one.getBoundingClientRect().top > top,
        ) as HTMLElement;
      const found: number[] = [];
      let oldest = Number.POSITIVE_INFINITY;
      for (let step = 0; step < 60 && oldest > 1; step++) {
        element.scrollTop -= 900;
        await frame();
        await frame();
        const seen = anchor();
        const text = seen.innerText;
        oldest = Math.min(oldest, Number(/number (\d+)\./.exec(text)?.[1] ?? oldest));
        const before = seen.getBoundingClientRect().top;
        for (let i = 0; i < 6; i++) await frame();
        const again = [...element.querySelectorAll("article")].find((one) => one.innerText === text);
        if (again !== undefined) found.push(Math.abs(again.getBoundingClientRect().top - before));
      }
      return { found, oldest };
    });
    expect(jumps.oldest).toBeLessThan(MESSAGES - 100);
    expect(jumps.found.length).toBeGreaterThan(10);
    expect(Math.max(...jumps.found)).toBeLessThan(3);

    const seen = await ada.locator("main article").first().innerText();
    const place = () => message(ada, /number \d+\./.exec(seen)?.[0] ?? "").boundingBox();
    const before = await place();
    await scene.ask("ben", "POST", `/conversations/${id}/messages`, { content: "said just now" });
    await ada.getByRole("button", { name: /1 new/ }).waitFor();
    expect(await place()).toEqual(before);
    await ada.getByRole("button", { name: /1 new/ }).click();
    await message(ada, "said just now").waitFor();
    await expect.poll(fromEnd).toBeLessThan(2);
  });

  test("is scrolled to its beginning and back through what was let go meanwhile, without a hole", async () => {
    const again: string[] = [];
    ada.on("request", (request) => request.url().includes("after=") && again.push(request.url()));
    /** Scrolls by so much until a number is in the page; where what is in it are not neighbours, which. */
    const scroll = (way: { readonly pixels: number; readonly target: number }) =>
      ada.evaluate(async ({ pixels, target }) => {
        const element = document.querySelector("main section")?.parentElement as HTMLElement;
        const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
        const holes: number[][] = [];
        for (const begin = performance.now(); performance.now() - begin < 20_000; ) {
          const box = element.getBoundingClientRect();
          const rows = [...element.querySelectorAll("article")].map((one) => {
            const { top, bottom } = one.getBoundingClientRect();
            const number = Number(/number (\d+)\./.exec(one.textContent ?? "")?.[1] ?? 0);
            return { number, isSeen: bottom > box.top && top < box.bottom };
          });
          // One that may have the keyboard is in the page wherever it stands, without its neighbours.
          const seen = rows.filter(({ number, isSeen }) => isSeen && number > 0).map(({ number }) => number);
          if (seen.some((one, i) => i > 0 && one !== (seen[i - 1] as number) + 1)) holes.push(seen);
          if (rows.some(({ number }) => number === target)) break;
          element.scrollTop += pixels;
          await frame();
          await frame();
        }
        return holes;
      }, way);

    expect(await scroll({ pixels: -3_000, target: 1 })).toEqual([]);
    await message(ada, "number 1.").waitFor();
    await scene.ask("ben", "POST", `/conversations/${id}/messages`, { content: "said far below" });
    await ada.getByRole("button", { name: /1 new/ }).waitFor();
    expect(again).toEqual([]);
    expect(await scroll({ pixels: 3_000, target: HELD + 100 })).toEqual([]);
    expect(again.length).toBeGreaterThan(0);
    expect(await ada.locator("main article").count()).toBeLessThan(MOST_IN_PAGE);

    // Who says something is led to where it stands.
    await say(ada, "said from far above");
    await message(ada, "said far below").waitFor();
    const own = message(ada, "said from far above");
    const below = await scroller().evaluate((one) => one.getBoundingClientRect().bottom);
    await expect.poll(async () => (await own.boundingBox())?.y).toBeLessThan(below);
  });

  test("follows what is new where one is at the end, and holds no more for it", async () => {
    for (let i = 0; i < 5; i++) await say(ada, `answer ${i}`);
    await message(ada, "answer 4").waitFor();
    await expect.poll(fromEnd).toBeLessThan(2);
    expect(await ada.locator("main article").count()).toBeLessThan(MOST_IN_PAGE);
  });

  test("is walked through by arrow keys", async () => {
    await message(ada, "answer 4").focus();
    for (let i = 0; i < 4; i++) await ada.keyboard.press("ArrowUp");
    await expect.poll(() => ada.evaluate(() => document.activeElement?.textContent)).toContain("answer 0");
    await ada.keyboard.press("Home");
    await expect.poll(() => ada.evaluate(() => document.activeElement?.textContent)).toContain("number");
  });
});
