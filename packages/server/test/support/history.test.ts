import { expect, test } from "vitest";
import { type AnomalyKind, checkHistory, type Seen, type Send } from "./history.ts";

const seen = (key: string, seq: number): Seen => ({ conversation: "c", key, id: `id-${key}`, seq });
const acked = (key: string, seq: number): Send => ({
  conversation: "c",
  key,
  outcome: "acked",
  id: `id-${key}`,
  seq,
});

const good: Parameters<typeof checkHistory>[0] & { readonly sends: readonly Send[] } = {
  sends: [acked("a", 2), acked("b", 3), { conversation: "c", key: "open", outcome: "unknown" } as Send],
  history: [seen("a", 2), seen("b", 3), seen("open", 4)],
  sessions: [[seen("a", 2), seen("open", 4)]],
  complete: [[seen("a", 2), seen("b", 3), seen("open", 4)]],
  firstSeq: 2,
};

test("a good run has no anomalies, whether what got no answer is stored or not", () => {
  expect(checkHistory(good)).toEqual([]);
  const history = good.history.slice(0, 2);
  expect(checkHistory({ ...good, history, sessions: [[]], complete: [history] })).toEqual([]);
});

const refused: Send = { conversation: "c", key: "no", outcome: "refused" };
const cases: readonly [AnomalyKind, Partial<typeof good>][] = [
  ["lost", { sends: [...good.sends, acked("z", 5)] }],
  ["duplicate", { history: [...good.history, seen("a", 5)] }],
  ["gap", { history: [seen("a", 2), seen("open", 4)], sends: good.sends.toSpliced(1, 1) }],
  ["inversion", { sessions: [[seen("b", 3), seen("a", 2)]] }],
  ["inversion", { sessions: [[seen("a", 2), seen("a", 2)]] }],
  ["hole", { complete: [[seen("a", 2), seen("open", 4)]] }],
  ["phantom", { sessions: [[seen("x", 9)]] }],
  ["phantom", { history: [...good.history, seen("no", 5)], sends: [...good.sends, refused] }],
  ["phantom", { history: [...good.history, seen("nobody's", 5)] }],
  ["stale-ack", { sends: [acked("a", 2), acked("b", 4), ...good.sends.slice(2)] }],
];
test.each(cases)("%s is found", (kind, change) => {
  expect(checkHistory({ ...good, ...change }).map((anomaly) => anomaly.kind)).toContain(kind);
});
