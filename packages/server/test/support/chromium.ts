import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The system's own Chromium; null where there is none: tests that need it are skipped. */
export const chromiumPath = PLACES.find((path) => existsSync(path)) ?? null;
if (chromiumPath === null) {
  console.warn(`No Chromium (${PLACES.join(", ")}): tests in a real browser are skipped`);
}

/** No call home, and no other host than this machine: a page that asks for one fails. */
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/** A browser of one's own; `await using` or `close()` ends it. Each `newContext()` in it is somebody else's browser. */
export async function launchChromium(): Promise<Browser> {
  if (chromiumPath === null) throw new Error("there is no Chromium here");
  return await chromium.launch({ executablePath: chromiumPath, args: ARGS });
}
