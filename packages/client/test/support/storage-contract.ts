import type { ClientStorage } from "../../src/storage-port.ts";

/**
 * What the port promises, for every storage there is; runs in a page too. Answers what was not kept.
 * @param open the same storage again, as after a reload; null where nothing survives one
 */
export async function brokenPromises(
  storage: ClientStorage,
  open: (() => ClientStorage) | null,
): Promise<string[]> {
  const broken: string[] = [];
  const expect = (promise: string, actual: unknown, expected: unknown) => {
    const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (is !== should) broken.push(`${promise}: ${is}, not ${should}`);
  };
  expect("what was never set is null", await storage.get("p:none"), null);
  expect("nothing is listed of nothing", await storage.list("p:"), []);
  await storage.set("p:a", "1");
  await storage.set("p:b", '{"text":"zwölf 🙂"}');
  await storage.set("q:a", "3");
  expect("what was set is got", await storage.get("p:b"), '{"text":"zwölf 🙂"}');
  expect("what has the prefix is listed", [...(await storage.list("p:"))].sort(), [
    "1",
    '{"text":"zwölf 🙂"}',
  ]);
  await storage.set("p:a", "2");
  expect("the last value counts", await storage.get("p:a"), "2");
  await storage.delete("p:b");
  await storage.delete("p:none");
  expect("what was deleted is gone", await storage.list("p:"), ["2"]);
  await Promise.all(Array.from({ length: 20 }, (_, i) => storage.set(`r:${i}`, `${i}`)));
  expect("many at once", (await storage.list("r:")).length, 20);
  if (open !== null) expect("it survives a reload", await open().get("p:a"), "2");
  return broken;
}
