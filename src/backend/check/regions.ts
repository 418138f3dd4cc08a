// Regions of footprints as the checkers walk them: runs of bytes, masks of partitions, sentences. Knows nothing of programs.
import type { Region } from '../../isa/footprint.js';

/** Calls `act` with each run [lo, hi) of the pattern until it gives true; whether it did. */
export function someRun(region: Region, act: (lo: number, hi: number) => boolean): boolean {
  const { base, run, counts, strides } = region;
  const dims = counts.length;
  if (dims === 0) return act(base, base + run);
  const at = [0, 0, 0, 0];
  for (;;) {
    let lo = base;
    for (let d = 0; d < dims; d++) lo += at[d]! * strides[d]!;
    if (act(lo, lo + run)) return true;
    let d = 0;
    while (d < dims && ++at[d]! === counts[d]!) at[d++] = 0;
    if (d === dims) return false;
  }
}

/** The region's partitions as four words of 32 bits; one in DRAM counts as partition 0. */
export function partitionMask({
  start,
  parts,
  partitionStep,
}: Region): readonly [number, number, number, number] {
  const words: [number, number, number, number] = [0, 0, 0, 0];
  for (let i = 0; i < parts; i++) {
    const p = start + i * partitionStep;
    if (p >= 0 && p < 128) words[p >> 5]! |= 1 << (p & 31);
  }
  return words;
}

/** `sbuf partitions 0..127, bytes 4096..8191`; a pattern with gaps is given by its hull. */
export function regionText(r: Region, variableName: (variable: number) => string): string {
  const bytes = `bytes ${r.lo}..${r.hi - 1}`;
  if (r.space === 'dram') return `${variableName(r.variable)} ${bytes}`;
  return `${r.space} partitions ${r.start}..${r.start + (r.parts - 1) * r.partitionStep}, ${bytes}`;
}
