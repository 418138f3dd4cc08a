// Text for people: sizes, times, counts, aligned tables. Strings in, strings out; the same on every machine.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1.50 MiB`; whole bytes below 1 KiB. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return unit === 0 ? `${bytes} B` : `${value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

/** `412 ns`, `28.4 us`, `3.10 ms`. */
export function timeText(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(2)} us`;
  return ns < 1e9 ? `${(ns / 1e6).toFixed(2)} ms` : `${(ns / 1e9).toFixed(2)} s`;
}

/** `1,234,567`. */
export function countText(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',');
}

export function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Rows in columns as wide as their widest cell; columns of numbers stand right. */
export function alignTable(rows: readonly (readonly string[])[], indent = ''): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => row[i]?.length ?? 0)),
  );
  const body = rows.length > 1 ? rows.slice(1) : rows;
  const right = widths.map((_, i) => body.every((row) => /^(?:[-+.\d,% ]*|[\d.,]+ \w+)$/.test(row[i] ?? '')));
  return rows.map((row) =>
    `${indent}${row
      .map((cell, i) => (right[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')}`.trimEnd(),
  );
}
