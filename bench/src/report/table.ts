/** A figure with its unit, spread, ratio or further figures; or the dash that stands for none. */
const FIGURE = /^(–|[×-]?\d[\d.]*( k)?( (%|ms|KB|s|x|\/s))?( \(.*\)| \/ .*)?)$/;

/** Columns as wide as their widest cell, those of figures to the right. The first row is the head. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  if (!head) return "";
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const figures = head.map((_, column) => body.every((row) => FIGURE.test(row[column] ?? "–")));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        figures[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("  "), ...body.map(line)].join("\n");
}

/** Three figures that count: 0.123, 1.23, 12.3, 123, 12.3 k. */
export function short(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "–";
  if (value >= 100_000) return `${Math.round(value / 1000)} k`;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} k`;
  if (value >= 100) return `${Math.round(value)}`;
  if (value >= 10) return value.toFixed(1);
  return value >= 1 ? value.toFixed(2) : value.toFixed(3);
}
