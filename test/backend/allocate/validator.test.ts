import { describe, expect, it } from 'vitest';
import type { AllocBuffer } from '../../../src/backend/allocate/problem.js';
import { validateAllocation } from '../../../src/backend/allocate/validator.js';

describe('validateAllocation', () => {
  it('reports every violation', () => {
    const buffers: AllocBuffer[] = [
      { id: 0, lower: 0, upper: 4, size: 10, align: 1 },
      { id: 1, lower: 3, upper: 5, size: 10, align: 4 },
      { id: 2, lower: 4, upper: 5, size: 10, align: 1, fixed: 0 },
      { id: 3, lower: 3, upper: 4, size: 10, align: 1, partitions: { start: 0, count: 2 } },
      { id: 4, lower: 3, upper: 4, size: 10, align: 1, partitions: { start: 2, count: 2 } },
      { id: 5, lower: 9, upper: 10, size: 1, align: 1 },
    ];
    const offsets = new Map([
      [0, 0],
      [1, 9],
      [2, 1],
      [3, 20],
      [4, 25],
    ]);
    const found = validateAllocation({ buffers, capacity: 34 }, offsets);
    expect(found.map(({ kind, ids }) => `${kind} ${ids}`)).toEqual([
      'alignment 1',
      'pin 2',
      'capacity 4',
      'missing 5',
      'overlap 0,1',
      'overlap 1,2',
    ]);
    expect(found.at(-1)?.message).toBe('buffers 1 and 2 overlap at time 4: 9+10 and 1+10');
  });
});
