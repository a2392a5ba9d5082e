/** From the Enter key in one browser until the message is painted in another; and how long the app takes to be there. */
import { begin, conversation, field } from "../test/support/people.ts";
import { percentiles } from "./percentiles.ts";
import { openStage } from "./stage.ts";

const STARTS = 10;

export async function measureSeen(options: {
  readonly messages: number;
  readonly throttle: number;
}): Promise<void> {
  const { messages, throttle } = options;
  await using stage = await openStage();
  await stage.voice("ben", "Ben");
  const ada = await stage.enter("Ada");
  await begin(ada.page, "Ben");
  const ben = await stage.enter("Ben");
  await conversation(ben.page, "Ada").click();
  for (const { devtools } of [ada, ben]) {
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: throttle });
  }
  await ada.page.evaluate(() => {
    const pressed: number[] = [];
    Object.assign(globalThis, { pressed });
    window.addEventListener("keydown", ({ key }) => key === "Enter" && pressed.push(Date.now()), {
      capture: true,
    });
  });
  await ben.page.evaluate(() => {
    const painted = new Map<string, number>();
    Object.assign(globalThis, { painted });
    const look = (): void => {
      for (const one of document.querySelectorAll("main article")) {
        const text = /message \d+\./.exec(one.textContent ?? "")?.[0];
        // The frame after the one that has it: by then it is on the screen.
        if (text !== undefined && !painted.has(text)) {
          painted.set(text, Number.NaN);
          requestAnimationFrame(() => requestAnimationFrame(() => painted.set(text, Date.now())));
        }
      }
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  });
  const took: number[] = [];
  for (let i = 0; i < messages; i++) {
    const text = `message ${i}.`;
    await field(ada.page).fill(text);
    await field(ada.page).press("Enter");
    const at = await ben.page.waitForFunction(
      (wanted) => (globalThis as unknown as { painted: Map<string, number> }).painted.get(wanted) || null,
      text,
    );
    const pressed = await ada.page.evaluate(() =>
      (globalThis as unknown as { pressed: number[] }).pressed.at(-1),
    );
    took.push(Number(await at.jsonValue()) - Number(pressed));
  }
  console.log(`Enter to painted elsewhere, ${messages} messages, ms: ${percentiles(took)}`);

  for (const rate of [1, 4, 6]) {
    const painted: number[] = [];
    const usable: number[] = [];
    for (let i = 0; i < STARTS; i++) {
      const context = await stage.browser.newContext({ viewport: { width: 390, height: 800 } });
      const page = await context.newPage();
      const devtools = await context.newCDPSession(page);
      await devtools.send("Emulation.setCPUThrottlingRate", { rate });
      await page.goto(stage.server.url);
      await page.getByLabel("Your name").waitFor();
      usable.push(await page.evaluate(() => performance.now()));
      painted.push(
        await page.evaluate(
          () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
        ),
      );
      await context.close();
    }
    console.log(
      `the first time in a browser, CPU slowed ${rate} times, ms: first paint ${percentiles(painted)}; ready ${percentiles(usable)}`,
    );
  }
}
