import { createGather } from "../../core/gather.ts";

type Key = string | number;

/**
 * One statement for all who ask in the same moment, and one answer for all who ask the same: a crowd that comes back
 * after a restart asks the same few things. An answer is never older than its question, since what is under way is not
 * joined.
 * @param ask gives the answers in the order of the questions
 * @param most questions in one statement
 */
export function gathered<Ask extends readonly Key[], Answer>(
  ask: (asks: readonly Ask[]) => Promise<readonly Answer[]>,
  most: number,
): (...one: Ask) => Promise<Answer> {
  const gather = createGather<string, Answer>(async (keys) => {
    const answers = await ask(keys.map((key) => JSON.parse(key) as Ask));
    return new Map(keys.map((key, i) => [key, answers[i] as Answer]));
  }, most);
  return async (...one) => (await gather(JSON.stringify(one))) as Answer;
}

/** Column `k` of all questions, as a statement's parameter. */
export function column(asks: readonly (readonly Key[])[], k: number): Key[] {
  return asks.map((one) => one[k] as Key);
}

/** Rows of many questions by the question they answer, `i` counted from 1 as `with ordinality` does. */
export function byQuestion<Row extends { readonly i: number }>(
  asks: readonly unknown[],
  rows: readonly Row[],
): Omit<Row, "i">[][] {
  const answers = asks.map((): Omit<Row, "i">[] => []);
  for (const { i, ...row } of rows) answers[i - 1]?.push(row);
  return answers;
}
