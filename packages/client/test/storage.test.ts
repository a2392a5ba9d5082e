import { expect, test } from "vitest";
import { memoryStorage } from "../src/storage-port.ts";
import { brokenPromises } from "./support/storage-contract.ts";

test("a storage in memory keeps what the port promises", async () => {
  expect(await brokenPromises(memoryStorage(), null)).toEqual([]);
});
