// Dependences of the sequential program, from the byte patterns of its accesses: a step depends on every earlier step whose
// write it reads or overwrites, and whose read it overwrites. Nothing is declared by hand.
import { overlaps } from '../../isa/overlap.js';
import type { Buffer, Step } from '../lower/buffer.js';
import { type Access, accessesOf } from './accesses.js';

export interface Dependences {
  /** Earlier steps that must be readable (or, for a read overwritten, done) before step i, ascending, without repeats. */
  readonly before: readonly (readonly number[])[];
  readonly accesses: readonly (readonly Access[])[];
}

interface Past {
  readonly step: number;
  readonly access: Access;
}

export function dependencesOf(steps: readonly Step[]): Dependences {
  const writes = new Map<Buffer, Past[]>();
  const reads = new Map<Buffer, Past[]>();
  const before: number[][] = [];
  const accesses: (readonly Access[])[] = [];
  steps.forEach((step, i) => {
    const mine = accessesOf(step);
    const found = new Set<number>();
    for (const a of mine) {
      for (const w of writes.get(a.buffer) ?? [])
        if (w.step !== i && overlaps(w.access.region, a.region)) found.add(w.step);
      if (!a.write) continue;
      for (const r of reads.get(a.buffer) ?? [])
        if (r.step !== i && overlaps(r.access.region, a.region)) found.add(r.step);
    }
    for (const a of mine) {
      const list = a.write ? writes : reads;
      const past = list.get(a.buffer) ?? [];
      // A write of the very same bytes replaces what stood there; its own dependences reach the replaced ones.
      const kept = a.write ? past.filter((p) => !sameBytes(p.access, a)) : past;
      kept.push({ step: i, access: a });
      list.set(a.buffer, kept);
      if (a.write) {
        const old = reads.get(a.buffer);
        if (old)
          reads.set(
            a.buffer,
            old.filter((p) => p.step === i || !sameBytes(p.access, a)),
          );
      }
    }
    before.push([...found].sort((x, y) => x - y));
    accesses.push(mine);
  });
  return { before, accesses };
}

function sameBytes(p: Access, a: Access): boolean {
  const x = p.region;
  const y = a.region;
  return (
    a.region.certain &&
    x.start === y.start &&
    x.parts === y.parts &&
    x.partitionStep === y.partitionStep &&
    x.base === y.base &&
    x.run === y.run &&
    x.counts.length === y.counts.length &&
    x.counts.every((n, i) => n === y.counts[i] && x.strides[i] === y.strides[i])
  );
}
