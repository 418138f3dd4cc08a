// How figures look: medians, units, aligned tables.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const ms = (value) => `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
export const us = (ns) => `${(ns / 1000).toFixed(ns < 1e5 ? 1 : 0)} us`;
export const mb = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
export const times = (ratio) => `${ratio.toFixed(2)} x`;
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Rows of cells, the first row being the heads: the first column to the left, the others to the right. */
export function printTable(rows) {
  const texts = rows.map((row) => row.map(String));
  const widths = texts[0].map((_, i) => Math.max(...texts.map((row) => (row[i] ?? '').length)));
  for (const row of texts) {
    console.log(
      `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i] + 2))).join('')}`.trimEnd(),
    );
  }
}

export const note = (text) => console.log(`  ${text}`);
