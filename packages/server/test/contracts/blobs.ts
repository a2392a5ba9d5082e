import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Blobs } from "../../src/core/ports/blobs.ts";

export interface BlobsScene {
  readonly blobs: Blobs;
  /** The keys of everything that lies there, whatever it is. */
  stored(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** What `core/ports/blobs.ts` promises, for every file store there is. */
export function blobsContract(name: string, open: () => Promise<BlobsScene>): void {
  describe(name, () => {
    let scene: BlobsScene;
    let blobs: Blobs;
    let keys = 0;
    const newKey = (): string => `key-${String(++keys).padStart(8, "0")}`;

    beforeAll(async () => {
      scene = await open();
      blobs = scene.blobs;
    });
    afterAll(() => scene.close());

    const sourceOf = (...chunks: readonly Uint8Array[]) => ({
      size: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      read: async function* () {
        yield* chunks;
      },
    });
    const readAll = async (key: string, first: number, last: number): Promise<Buffer> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of await blobs.read(key, { first, last })) chunks.push(chunk);
      return Buffer.concat(chunks);
    };

    test("bytes back are the bytes given, all or a part of them", async () => {
      const bytes = randomBytes(300_000);
      const key = newKey();
      await blobs.write(
        key,
        sourceOf(bytes.subarray(0, 1), bytes.subarray(1, 200_000), bytes.subarray(200_000)),
      );
      expect((await readAll(key, 0, bytes.length - 1)).equals(bytes)).toBe(true);
      expect((await readAll(key, 199_990, 200_010)).equals(bytes.subarray(199_990, 200_011))).toBe(true);
      expect((await readAll(key, 7, 7)).equals(bytes.subarray(7, 8))).toBe(true);
    });

    test("the same key again replaces what was there", async () => {
      const key = newKey();
      await blobs.write(key, sourceOf(Buffer.from("first, and longer")));
      await blobs.write(key, sourceOf(Buffer.from("second")));
      expect(String(await readAll(key, 0, 5))).toBe("second");
      expect((await scene.stored()).filter((stored) => stored === key)).toHaveLength(1);
    });

    test.for([
      ["fails", () => Promise.reject(new Error("the source has failed"))],
      ["ends too early", async () => {}],
    ] as const)("a source that %s leaves nothing", async ([, end]) => {
      const key = newKey();
      const before = await scene.stored();
      const source = {
        size: 1_000_000,
        read: async function* () {
          yield Buffer.alloc(500_000);
          await end();
        },
      };
      await expect(blobs.write(key, source)).rejects.toThrow();
      await expect(readAll(key, 0, 9)).rejects.toMatchObject({ name: "BlobError", kind: "missing" });
      expect(await scene.stored()).toEqual(before);
    });

    test("a source of more than was said leaves nothing", async () => {
      const key = newKey();
      await expect(
        blobs.write(key, { ...sourceOf(Buffer.alloc(100), Buffer.alloc(100)), size: 150 }),
      ).rejects.toThrow();
      expect(await scene.stored()).not.toContain(key);
    });

    test("what is removed is gone, and what is not there is removed already", async () => {
      const [one, other] = [newKey(), newKey()];
      await blobs.write(one, sourceOf(Buffer.from("x")));
      await blobs.remove([one, other]);
      await blobs.remove([one]);
      await expect(readAll(one, 0, 0)).rejects.toMatchObject({ kind: "missing" });
      expect(await scene.stored()).not.toContain(one);
    });

    test("reading can be left in the middle", async () => {
      const key = newKey();
      await blobs.write(key, sourceOf(Buffer.alloc(4_000_000)));
      for await (const _ of await blobs.read(key, { first: 0, last: 3_999_999 })) break;
      expect(await readAll(key, 0, 0)).toHaveLength(1);
    });

    test("many at once do not get in one another's way", async () => {
      const all = Array.from({ length: 20 }, () => ({ key: newKey(), bytes: randomBytes(50_000) }));
      await Promise.all(all.map(({ key, bytes }) => blobs.write(key, sourceOf(bytes))));
      const read = await Promise.all(all.map(({ key }) => readAll(key, 0, 49_999)));
      expect(read.every((bytes, i) => bytes.equals(all[i]?.bytes as Buffer))).toBe(true);
    });
  });
}
