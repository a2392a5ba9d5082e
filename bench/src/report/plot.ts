import type { Metric, WorkloadName } from "../workloads/sample.ts";
import type { Aggregate } from "./aggregate.ts";
import { short } from "./table.ts";

/** One rung of a ladder: a peer's median, and the lowest and highest round. */
export type Rung = {
  label: string;
  value: number;
  low: number;
  high: number;
  ours: boolean;
  promise: string;
};
export type Ladder = { file: string; title: string; unit: string; rungs: Rung[] };

const WIDTH = 760;
const LABEL = 210;
const VALUE = 150;
const ROW = 34;
const TOP = 56;

/** Colours that hold on a light and on a dark page. */
const OURS = "#2f7d6d";
const OTHERS = "#8a94a6";

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
}

/** Bars from the machine's limit down to the naive server, longest first. */
export function drawLadder(ladder: Ladder): string {
  const rungs = [...ladder.rungs].sort((a, b) => b.value - a.value);
  const top = Math.max(...rungs.map((rung) => rung.high), Number.MIN_VALUE);
  const scale = (WIDTH - LABEL - VALUE) / top;
  const height = TOP + rungs.length * ROW + 12;
  const bars = rungs.map((rung, index) => {
    const y = TOP + index * ROW;
    const length = Math.max(1, rung.value * scale);
    const weight = rung.ours ? ` font-weight="600"` : "";
    return [
      `<text x="${LABEL - 10}" y="${y + 17}" text-anchor="end"${weight}>${escapeXml(rung.label)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${length.toFixed(1)}" height="24" rx="3" fill="${rung.ours ? OURS : OTHERS}"/>`,
      `<path d="M${(LABEL + rung.low * scale).toFixed(1)} ${y + 12}H${(LABEL + rung.high * scale).toFixed(1)}" stroke="currentColor" stroke-opacity=".55"/>`,
      `<text x="${(LABEL + rung.high * scale + 8).toFixed(1)}" y="${y + 17}"${weight}>${short(rung.value)} <tspan fill-opacity=".6">${escapeXml(rung.promise)}</tspan></text>`,
    ].join("");
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="currentColor" color="#667" role="img" aria-label="${escapeXml(ladder.title)}">` +
    `<text x="12" y="22" font-size="15" font-weight="600">${escapeXml(ladder.title)}</text>` +
    `<text x="12" y="41" fill-opacity=".7">${escapeXml(ladder.unit)}; thin line: lowest to highest round</text>` +
    `${bars.join("")}</svg>\n`
  );
}

const SHOWN: Readonly<Record<WorkloadName, { metric: Metric; unit: string }>> = {
  W1: { metric: "per_second", unit: "messages a second" },
  W2: { metric: "per_second", unit: "deliveries a second" },
  W3: { metric: "bytes", unit: "bytes of memory a connection" },
  W4: { metric: "seconds", unit: "seconds" },
  W5: { metric: "per_second", unit: "answers a second" },
  W6: { metric: "per_second", unit: "clients live again a second" },
  W7: { metric: "per_second", unit: "messages a second" },
  W8: { metric: "per_second", unit: "deliveries/s" },
  W10: { metric: "per_second", unit: "answers a second" },
  W11: { metric: "per_second", unit: "answers a second" },
  W12: { metric: "per_second", unit: "messages a second" },
};

/** A ladder for every case that two or more peers ran without a fault. */
export function laddersOf(aggregates: readonly Aggregate[], ours: string): Ladder[] {
  const ladders = new Map<string, Ladder>();
  for (const row of aggregates) {
    const { metric, unit } = SHOWN[row.workload];
    const value = row.metrics[metric];
    if (!value || row.failures.length > 0) continue;
    const title = `${row.workload}: ${row.case}`;
    const ladder = ladders.get(title) ?? {
      file: `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.svg`,
      title,
      unit,
      rungs: [],
    };
    ladder.rungs.push({
      label: row.peer,
      value: value.median,
      low: value.low,
      high: value.high,
      ours: row.peer === ours,
      promise: row.durability,
    });
    ladders.set(title, ladder);
  }
  return [...ladders.values()].filter((ladder) => ladder.rungs.length > 1);
}
