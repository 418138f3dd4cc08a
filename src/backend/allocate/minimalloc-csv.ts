// The CSV of the minimalloc benchmarks: a header `id,lower,upper,size` (optionally `alignment`, and `offset` in
// solutions), one buffer a line. Ids there are free text; a problem knows them by their line, counted from 0.
// Reading and writing are pure: text in, text out.
import { badInput } from '../../base/diagnostic.js';
import type { AllocBuffer, AllocProblem } from './problem.js';

export interface NamedProblem extends AllocProblem {
  /** The id of the file, by the id of the buffer. */
  readonly names: readonly string[];
}

const REQUIRED = ['lower', 'upper', 'size'] as const;

/**
 * Reads a CSV problem.
 * @throws E3514 for a header without a needed column, or a line whose fields are not whole numbers in range.
 */
export function readMinimallocCsv(text: string, capacity: number, file?: string): NamedProblem {
  const lines = text.split(/\r?\n/);
  const header = (lines[0] ?? '').split(',').map((name) => name.trim());
  const column = (name: string) => header.indexOf(name);
  const fault = (line: number, message: string) =>
    badInput(
      'E3514',
      message,
      { ...(file && { file }), line },
      'each line is "id,lower,upper,size" with whole numbers, as in the first line of the file',
    );
  for (const name of ['id', ...REQUIRED])
    if (column(name) < 0) throw fault(1, `the header has no column "${name}"`);
  const names: string[] = [];
  const buffers: AllocBuffer[] = [];
  lines.slice(1).forEach((line, i) => {
    if (line.trim() === '') return;
    const fields = line.split(',').map((field) => field.trim());
    const number = (name: string, least: number): number => {
      const field = fields[column(name)] ?? '';
      const value = /^\d+$/.test(field) ? Number(field) : Number.NaN;
      if (Number.isSafeInteger(value) && value >= least) return value;
      throw fault(i + 2, `"${field}" is not a valid ${name}`);
    };
    const lower = number('lower', 0);
    const upper = number('upper', lower);
    const align = column('alignment') >= 0 ? number('alignment', 1) : 1;
    buffers.push({ id: buffers.length, lower, upper, size: number('size', 0), align });
    names.push(fields[column('id')] ?? '');
  });
  return { buffers, capacity, names };
}

/** Writes the problem with the address of each buffer, in the format of minimalloc's own output. */
export function writeMinimallocCsv(problem: NamedProblem, offsets: ReadonlyMap<number, number>): string {
  const rows = problem.buffers.map(
    (b) => `${problem.names[b.id]},${b.lower},${b.upper},${b.size},${offsets.get(b.id) ?? ''}`,
  );
  return ['id,lower,upper,size,offset', ...rows, ''].join('\n');
}
