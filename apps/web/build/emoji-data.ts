import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Plugin } from "vite";

const FILES = ["en/data.json", "en/messages.json"];

/** Serves the emoji picker's data from our own address; it would fetch them from a public one. */
export function emojiData(): Plugin {
  const read = (name: string): Buffer =>
    readFileSync(createRequire(import.meta.url).resolve(`emojibase-data/${name}`));
  return {
    name: "parlance:emoji-data",
    generateBundle() {
      for (const name of FILES)
        this.emitFile({ type: "asset", fileName: `emoji/${name}`, source: read(name) });
    },
    configureServer({ middlewares }) {
      for (const name of FILES) {
        middlewares.use(`/emoji/${name}`, (_, response) => {
          response.setHeader("content-type", "application/json");
          response.end(read(name));
        });
      }
    },
  };
}
