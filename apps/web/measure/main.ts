/** What the app costs a browser, measured by hand: `npm run measure --workspace apps/web -- scroll`. */
import { parseArgs } from "node:util";
import { measureScrolling } from "./scroll.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    messages: { type: "string", default: "100000" },
    speed: { type: "string", default: "15000" },
    throttle: { type: "string", default: "1" },
  },
});
const [what] = positionals;
const messages = Number(values.messages);
const throttle = Number(values.throttle);
if (what === "scroll") await measureScrolling({ messages, throttle, speed: Number(values.speed) });
else throw new Error("scroll");
