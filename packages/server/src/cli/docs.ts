import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { configurationPage } from "../config/help.ts";
import { StartupError } from "../core/ports/startup-error.ts";

const PAGE = fileURLToPath(new URL("../../../../docs/configuration.md", import.meta.url));

/** Writes docs/configuration.md, or with `check` throws a StartupError where it is not what would be written. */
export async function writeDocs(check: boolean): Promise<void> {
  const wanted = configurationPage();
  if (!check) return writeFile(PAGE, wanted);
  const current = await readFile(PAGE, "utf8").catch(() => null);
  if (current !== wanted) {
    throw new StartupError("docs/configuration.md is not what the table of options says; run npm run docs");
  }
}
