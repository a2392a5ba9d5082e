import { afterAll, beforeAll, expect, test } from "vitest";
import { inByteOrder } from "../../src/adapters/store/byte-order.ts";
import { createDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase("lock_order");
});
afterAll(() => database.drop());

const IDS = [
  "b",
  "B",
  "a",
  "_",
  "é",
  "e",
  "Z",
  "\ue000",
  "\uffff",
  "😀",
  "a😀",
  "a\ue000",
  "ab",
  "-",
  "ä",
  "中",
  "1",
  "10",
  "9",
];

test("ids are sorted here as PostgreSQL sorts them where rows are locked", async () => {
  await withClient(database.connection, async (client) => {
    const { rows } = await client.query('select u from unnest($1::text[]) u order by u collate "C"', [IDS]);
    expect(IDS.toSorted(inByteOrder)).toEqual(rows.map(({ u }) => u));
  });
});
