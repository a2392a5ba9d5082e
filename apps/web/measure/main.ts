/** What the app costs a browser, measured by hand: `npm run measure --workspace apps/web -- scroll`. */
import { parseArgs } from "node:util";
import { measureScrolling } from "./scroll.ts";
import { measureSeen } from "./seen.ts";
import { measureTraffic } from "./traffic.ts";

const HELP = `measure <what> [--messages <n>] [--throttle <n>]
  scroll    through a conversation of --messages (100000), at --speed (15000) pixels a second
  traffic   of --messages (40000) told to an open app; its heap at --intervals (8)
  seen      from Enter to painted in another browser, --messages (200) times; the first paint
--throttle: the browser's CPU is so many times slower`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    messages: { type: "string" },
    speed: { type: "string", default: "15000" },
    intervals: { type: "string", default: "8" },
    throttle: { type: "string", default: "1" },
  },
});
const throttle = Number(values.throttle);
const messages = (usual: number): number => Number(values.messages ?? usual);

const [what] = positionals;
if (what === "scroll") {
  await measureScrolling({ messages: messages(100_000), speed: Number(values.speed), throttle });
} else if (what === "traffic") {
  await measureTraffic({ messages: messages(40_000), intervals: Number(values.intervals) });
} else if (what === "seen") {
  await measureSeen({ messages: messages(200), throttle });
} else {
  console.log(HELP);
}
