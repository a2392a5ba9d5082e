import { expect, test } from "vitest";
import { createGather } from "../../src/core/gather.ts";

test("all who wait for one answer share it, however many questions one statement takes", async () => {
  const asked: (readonly string[])[] = [];
  const gather = createGather<string, string>(async (keys) => {
    asked.push(keys);
    return new Map(keys.filter((key) => key !== "d").map((key) => [key, `${key}!`]));
  }, 2);
  const askAll = () => Promise.all(["a", "b", "c", "d", "a", "b", "c", "e"].map(gather));
  const [one, other] = await Promise.all([askAll(), askAll()]);
  expect(one).toEqual(["a!", "b!", "c!", undefined, "a!", "b!", "c!", "e!"]);
  expect(other).toEqual(one);
  expect(asked).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  await gather("a");
  expect(asked).toHaveLength(4);
});

test("who asks while an answer is under way gets the next; a failure is that of those who asked together", async () => {
  const answers: PromiseWithResolvers<string>[] = [];
  const gather = createGather<string, string>(async ([key = ""]) => {
    const answer = Promise.withResolvers<string>();
    answers.push(answer);
    return new Map([[key, await answer.promise]]);
  });
  const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const [first, beside] = [gather("a"), gather("a")];
  await turn();
  const second = gather("a");
  answers[0]?.reject(new Error("away"));
  await expect(first).rejects.toThrow("away");
  await expect(beside).rejects.toThrow("away");
  await turn();
  answers[1]?.resolve("new");
  expect(await second).toBe("new");
});
