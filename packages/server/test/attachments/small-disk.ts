/** Run on a disk of 2 MB: what happens to a file of 3, and to a small one after it. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createDirectoryBlobs } from "../../src/adapters/blobs/directory-blobs.ts";
import { createFileIntake } from "../../src/adapters/files/file-intake.ts";

const directory = process.argv[2] as string;
const intake = createFileIntake({ directory: join(directory, "uploads"), images: null });
const blobs = createDirectoryBlobs(join(directory, "blobs"));
const chunks = (count: number) => ({
  size: count * 65_536,
  read: async function* () {
    for (let i = 0; i < count; i++) yield Buffer.alloc(65_536);
  },
});
const wish = { uploaderId: "ann", contentType: null, maxBytes: 1e9, isAllowed: () => true };
const failure = ({ name, code, kind }: { name: string; code?: string; kind?: string }) => ({
  name,
  code,
  kind,
});

const report = {
  intake: await intake.take(chunks(48).read(), wish).catch(failure),
  blobs: await blobs.write("large-one", chunks(48)).catch(failure),
  left: readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name),
  next: await intake.take(chunks(1).read(), wish).then((taken) => taken.discard().then(() => "taken")),
};
console.log(JSON.stringify(report));
