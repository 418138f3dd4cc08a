// Ranges of numbers that are known when compiling.
import type { SourcePoint } from '../code/ast.js';
import { type Item, int } from './items.js';
import { type Machine, malformedProgram } from './machine.js';

/** Numbers of a range that is known. */
export function rangeItems(m: Machine, bounds: readonly Item[], at: SourcePoint): Item[] {
  // What made it unknown has been noted.
  if (bounds.some((b) => b.kind === 'unknown')) return [];
  const numbers = bounds.map((b) => {
    if (b.kind === 'int') return Number(b.value);
    if (b.kind === 'dynamic')
      throw m.c.refuse('E4310', 'the bounds of a range depend on the values of tensors');
    throw malformedProgram(`a range is bounded by a ${b.kind}`, at);
  });
  const [start, stop, step] =
    numbers.length === 1 ? [0, numbers[0] ?? 0, 1] : [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 1];
  if (step === 0) throw malformedProgram('the step of a range is 0', at);
  const count = Math.max(0, Math.ceil((stop - start) / step));
  m.c.checkElements(count);
  return Array.from({ length: count }, (_, i) => int(start + i * step));
}
