import { describe, expect, it } from 'vitest';
import { NeffcError } from '../../src/base/diagnostic.js';
import { BUILTIN_TARGETS, INF2 } from '../../src/chip/builtin.js';
import { loadTarget } from '../../src/chip/load-target.js';

function codes(json: unknown): string[] {
  try {
    loadTarget(json, 'chip.json');
  } catch (error) {
    if (error instanceof NeffcError) return error.diagnostics.map((d) => `${d.code} ${d.message}`);
    throw error;
  }
  return [];
}

describe('loadTarget', () => {
  it.each(BUILTIN_TARGETS.map((t) => [t.name, t] as const))(
    'takes the built-in %s as a file',
    (_name, target) => {
      expect(loadTarget(JSON.parse(JSON.stringify(target)), 'chip.json')).toEqual(target);
    },
  );

  it('fills what is left out from the base', () => {
    const small = loadTarget({ base: 'inf2', name: 'small', dram: { bytes: 1 << 20 } }, 'chip.json');
    expect(small).toEqual({ ...INF2, name: 'small', dram: { ...INF2.dram, bytes: 1 << 20 } });
  });

  it('reports every fault at once', () => {
    expect(
      codes({
        base: 'inf2',
        name: 'A b',
        dram: { bytes: -1, bytesPerSecond: null, speed: 3 },
        clockMhz: 5,
        branches: 'yes',
      }),
    ).toEqual([
      'E3401 a target has no field dram.speed',
      'E3401 a target has no field clockMhz',
      'E3403 name must be up to 64 lower-case letters, digits, - and _',
      'E3402 branches must be a boolean',
      'E3403 dram.bytes = -1 is outside 1024..1099511627776 bytes',
      'E3402 dram.bytesPerSecond must be an integer',
    ]);
  });

  it.each([[null], [[]], ['inf1'], [{}]])('refuses %j', (json) => {
    expect(codes(json)).toContain('E3401 coresPerChip is missing');
  });

  it('refuses an unknown base and hostile keys', () => {
    expect(codes({ base: 'inf9', ...INF2 })).toEqual(['E3403 base must be one of inf1, inf2']);
    expect(codes(JSON.parse(`{"base":"inf1","__proto__":{"x":1},"constructor":1}`))).toEqual([
      'E3401 a target has no field __proto__.x',
      'E3401 a target has no field constructor',
    ]);
  });
});
