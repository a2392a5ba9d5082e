/** Scrolls through a long conversation, as fast as somebody with a thumb on the wheel: frames, jumps, memory. */
import { conversation, message } from "../test/support/people.ts";
import { percentiles } from "./percentiles.ts";
import { openStage, type Seat } from "./stage.ts";

const WORDS =
  "the lane takes all that waits and one call of the function stores it while the next gathers".split(" ");

/** Of two to sixty words, and each says which it is. */
const textOf = (i: number): string =>
  `number ${i + 1}. ${Array.from({ length: 2 + ((i * 7) % 29) * (i % 11 === 0 ? 2 : 1) }, (_, k) => WORDS[(i + k) % WORDS.length]).join(" ")}`;

interface Way {
  readonly frameMs: readonly number[];
  readonly longTaskMs: readonly number[];
  /** Pixels by which what is read went against the way of the scroll, where it did. */
  readonly jumps: readonly number[];
  /** Frames that had nothing more to be scrolled to: what comes next was still under way. */
  readonly waited: number;
}

interface Watched {
  /** The lowest and the highest number that is in the page. */
  ends(): readonly [number, number];
  /** Frames are recorded from here on. @param sign 1: down, -1: up */
  begin(sign: number): void;
  end(): Way;
}

/** Runs in the page, beside what it watches. */
function watch(): void {
  const element = document.querySelector("main section")?.parentElement as HTMLElement;
  const numberOf = (one: Element) => Number(/number (\d+)\./.exec(one.textContent ?? "")?.[1] ?? Number.NaN);
  const rows = () => [...element.querySelectorAll("article")];
  const longTaskMs: number[] = [];
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTaskMs.push(duration);
  }).observe({ type: "longtask" });
  let frameMs: number[] = [];
  let jumps: number[] = [];
  let waited = 0;
  let stop = (): void => {};
  const watched: Watched = {
    ends() {
      const numbers = rows()
        .map(numberOf)
        .filter((one) => !Number.isNaN(one));
      return [Math.min(...numbers), Math.max(...numbers)];
    },
    begin(sign) {
      frameMs = [];
      jumps = [];
      waited = 0;
      longTaskMs.length = 0;
      let last = performance.now();
      let seen: Element | undefined;
      let top = 0;
      const frame = (now: number): void => {
        frameMs.push(now - last);
        last = now;
        const { scrollTop, scrollHeight, clientHeight } = element;
        if (sign < 0 ? scrollTop < 1 : scrollHeight - scrollTop - clientHeight < 1) waited++;
        if (seen?.isConnected === true) {
          const against = (seen.getBoundingClientRect().top - top) * sign;
          if (against > 2) jumps.push(Math.round(against));
        }
        const box = element.getBoundingClientRect();
        const middle = (box.top + box.bottom) / 2;
        seen = rows().find((one) => one.getBoundingClientRect().bottom > middle);
        top = seen?.getBoundingClientRect().top ?? 0;
        handle = requestAnimationFrame(frame);
      };
      let handle = requestAnimationFrame(frame);
      stop = () => cancelAnimationFrame(handle);
    },
    end() {
      stop();
      return { frameMs, longTaskMs: [...longTaskMs], jumps, waited };
    },
  };
  Object.assign(globalThis, { watched });
}
declare const watched: Watched;

/** Pixels of one gesture. */
const GESTURE_PX = 100_000;

/** Scrolls by the wheel, as the browser itself does it, until a number is seen. */
async function go(
  { page, devtools }: Seat,
  way: { sign: number; target: number; speed: number },
): Promise<string> {
  const { sign, target, speed } = way;
  const box = await page.locator("main section").locator("..").boundingBox();
  if (box === null) throw new Error("there is nothing to be scrolled");
  await page.evaluate((down) => watched.begin(down), sign);
  const began = performance.now();
  let reached = Number.NaN;
  do {
    await devtools.send("Input.synthesizeScrollGesture", {
      x: Math.round(box.x + box.width / 2),
      y: Math.round(box.y + box.height / 2),
      yDistance: -sign * GESTURE_PX,
      speed,
      gestureSourceType: "mouse",
    });
    const [low, high] = await page.evaluate(() => watched.ends());
    reached = sign < 0 ? low : high;
  } while (sign < 0 ? reached > target : reached < target);
  const seconds = (performance.now() - began) / 1_000;
  const { frameMs, longTaskMs, jumps, waited } = await page.evaluate(() => watched.end());
  return [
    `number ${reached} after ${seconds.toFixed(0)} s: ${frameMs.length} frames, ms ${percentiles(frameMs)}`,
    `long tasks: ${longTaskMs.length}${longTaskMs.length > 0 ? `, ms ${percentiles(longTaskMs)}` : ""}`,
    `against the scroll: ${jumps.length}${jumps.length > 0 ? `, px ${percentiles(jumps)}` : ""}`,
    `frames that waited for what comes next: ${waited}`,
  ].join("\n  ");
}

export async function measureScrolling(options: {
  readonly messages: number;
  /** Pixels a second. */
  readonly speed: number;
  readonly throttle: number;
}): Promise<void> {
  const { messages, speed, throttle } = options;
  await using stage = await openStage();
  const ben = await stage.voice("ben", "Ben");
  const { id } = await ben.rest("POST", "/conversations/direct/ada");
  for (let i = 0; i < messages; i++) {
    await ben.stream("message.send", { conversation_id: String(id), content: textOf(i) });
  }
  await ben.settled();
  const ada = await stage.voice("ada", "Ada");
  await ada.rest("POST", `/conversations/${id}/read`);
  console.log(`${messages} messages are there`);

  const seat = await stage.enter("Ada");
  const { page, devtools, held } = seat;
  await conversation(page, "Ben").click();
  await message(page, `number ${messages}.`).waitFor();
  await page.evaluate(watch);
  const report = async (what: string): Promise<void> => {
    const { heapMiB, nodes, listeners } = await held();
    console.log(`${what}: ${heapMiB.toFixed(1)} MiB, ${nodes} nodes, ${listeners} listeners`);
  };
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: throttle });
  await report("at the end");
  for (const part of [0.95, 0.8, 0.5, 0]) {
    const target = Math.max(1, Math.round(messages * part));
    console.log(`up: ${await go(seat, { sign: -1, target, speed })}`);
    await report("there");
  }
  console.log(`down: ${await go(seat, { sign: 1, target: Math.round(messages * 0.2), speed })}`);
  await report("there");
  await page.getByRole("button", { name: "To the newest" }).click();
  await message(page, `number ${messages}.`).waitFor();
  await report("at the end again");
}
