import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { run } from "../../src/adapters/store/embedded/run-as.ts";
import { scratch } from "./scene.ts";

/** A name space with mounts of its own: the small disk is gone with the last process in it. */
const inNamespace = ["--user", "--map-root-user", "--mount", "sh", "-c"];
const script = (megabytes: number, steps: string) => `
  mount -t tmpfs -o size=${megabytes}m none "$1" && cd "$1" || exit 1
  once() { "$2" "$3" once "$1/data"; }
  ${steps}
  exit 0`;
const mayMount = (await run(["unshare", ...inNamespace, "mount -t tmpfs none /mnt"])).status === 0;

async function onDiskOf(megabytes: number, steps: string): Promise<Record<string, string>[]> {
  const program = new URL("parent.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)("unshare", [
    ...inNamespace,
    script(megabytes, steps),
    "sh",
    scratch(),
    process.execPath,
    program,
  ]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test.runIf(mayMount)("no room for a new data directory", async () => {
  const [first] = await onDiskOf(24, 'once "$@"');
  expect(first).toEqual({
    name: "StartupError",
    error: expect.stringMatching(/could not be made.*No space left/),
  });
});

test.runIf(mayMount)("a disk that is full at a later start is named, and freeing it is enough", async () => {
  const [first, full, freed] = await onDiskOf(
    96,
    'once "$@"; cat /dev/zero > filler 2>/dev/null; once "$@"; rm filler; once "$@"',
  );
  expect(first).toEqual({ stopped: true });
  expect(full).toEqual({
    name: "StartupError",
    error: expect.stringMatching(/The disk that holds .*data is full/),
  });
  expect(freed).toEqual({ stopped: true });
});
