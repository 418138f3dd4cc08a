import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readMinimallocCsv, writeMinimallocCsv } from '../../../src/backend/allocate/minimalloc-csv.js';
import { allocate } from '../../../src/backend/allocate/solver.js';
import { validateAllocation } from '../../../src/backend/allocate/validator.js';

describe('minimalloc CSV', () => {
  it('reads a problem and writes its solution', () => {
    const problem = readMinimallocCsv('id,lower,upper,size\nb1,0,3,4\r\nb2,3,9,4\n', 4);
    const result = allocate(problem);
    if ('infeasible' in result) throw new Error('not solved');
    expect(writeMinimallocCsv(problem, result.offsets)).toBe(
      'id,lower,upper,size,offset\nb1,0,3,4,0\nb2,3,9,4,0\n',
    );
  });

  it.each([
    ['id,lower,size\n', /E3514.*"upper"/],
    ['id,lower,upper,size\nb,0,1,4\nc,0,1,-4\n', /E3514.*"-4" is not a valid size/],
    ['id,lower,upper,size\nb,2,1,4\n', /E3514.*"1" is not a valid upper/],
    ['id,lower,upper,size\nb,0,1\n', /E3514.*"" is not a valid size/],
  ])('refuses %j', (text, message) => {
    expect(() => readMinimallocCsv(text, 4)).toThrow(message);
  });
});

const folder = new URL('../../../../shared/minimalloc/', import.meta.url);
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.csv')) : [];

describe.skipIf(files.length === 0)(
  'minimalloc instances (skipped where ../shared/minimalloc is absent)',
  () => {
    it.each(files)('solves %s within its capacity', (name) => {
      const capacity = Number(name.split('.')[1]);
      const problem = readMinimallocCsv(readFileSync(new URL(name, folder), 'utf8'), capacity, name);
      const result = allocate(problem);
      if ('infeasible' in result) throw new Error(`${name} is not solved`);
      expect(validateAllocation(problem, result.offsets)).toEqual([]);
      expect(result.height).toBeLessThanOrEqual(capacity);
    });
  },
);
