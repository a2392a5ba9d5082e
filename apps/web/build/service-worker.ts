import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const TEMPLATE = new URL("service-worker.js", import.meta.url);
const PAGE = "index.html";

/** Writes `sw.js` with the names of what the app's page is made of. */
export function serviceWorker(): Plugin {
  return {
    name: "parlance:service-worker",
    apply: "build",
    // Behind Vite's own, which writes the pages.
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const page = bundle[PAGE];
        if (page?.type !== "asset") throw new Error(`the build has no ${PAGE}`);
        const html = String(page.source);
        const named = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, name]) => name as string);
        const later = Object.keys(bundle).filter((name) => name.startsWith("assets/emoji-picker"));
        const files = [...named, ...later.map((name) => `/${name}`)];
        const version = createHash("sha256").update(html).digest("hex").slice(0, 12);
        const source = readFileSync(TEMPLATE, "utf8")
          .replace("%VERSION%", version)
          .replace("%FILES%", files.join(" "));
        this.emitFile({ type: "asset", fileName: "sw.js", source });
      },
    },
  };
}
