// The waits of compiled programs: each that the checker calls needed is needed, for the checker and for the simulator's own race
// detector; those it calls redundant are not. And results do not depend on timing.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkProgram } from '../../../src/backend/sync/check.js';
import { neededWaits } from '../../../src/backend/sync/needed-waits.js';
import { NeffcError } from '../../../src/base/diagnostic.js';
import type { HostTensor } from '../../../src/base/tensor.js';
import { INF1, INF2 } from '../../../src/chip/builtin.js';
import type { Target } from '../../../src/chip/target.js';
import { interpretGraph } from '../../../src/ops/interpret.js';
import { type Built, build, difference, inputsOf, run, withoutWait } from '../harness.js';
import { PROGRAMS, randomGraph } from '../programs.js';

/** Race, or a read of bytes that in this order are not even written: what a missing wait does. */
const RACE = ['E1421', 'E1422', 'E1424'];

function trapOf(built: Built, target: Target, inputs: readonly HostTensor[]): string | undefined {
  try {
    run(built, target, inputs);
  } catch (error) {
    if (error instanceof NeffcError) return error.diagnostics[0]?.code;
    throw error;
  }
  return undefined;
}

const races = (program: Built['program'], target: Target): number =>
  checkProgram(program, target).violations.filter((v) => v.rule === 'race').length;

describe.each(Object.entries(PROGRAMS))('%s', (_, graphOf) => {
  const graph = graphOf();
  const built = build(graph, INF2);
  const inputs = inputsOf(graph, 7);

  it('means what the graph means', () => {
    const outputs = run(built, INF2, inputs);
    for (const [i, want] of interpretGraph(graph, inputs).entries())
      expect(difference(want, outputs[i] as Uint8Array, { relative: 1e-4, absolute: 1e-5 })).toBeUndefined();
  });

  it('needs every wait that is called needed', () => {
    const waits = (['load', 'main'] as const).flatMap((kind) => neededWaits(built.program, INF2, 0, kind));
    expect(waits.length).toBeGreaterThan(5);
    for (const { fragment, index, wait, need, race } of waits) {
      const at = `${fragment.engine} ${fragment.name} #${index} wait ${wait}: ${race?.join(' / ')}`;
      const program = withoutWait(
        built.program,
        fragment.kind as 'load' | 'main',
        fragment.engine,
        index,
        wait,
      );
      if (need === 'redundant') {
        expect(races(program, INF2), at).toBe(0);
        continue;
      }
      expect(races(program, INF2), at).toBeGreaterThan(0);
      if (need === 'needed') expect(RACE, at).toContain(trapOf({ ...built, program }, INF2, inputs));
    }
  });

  it('gives the same bytes under ten timings', () => {
    const outputs = run(built, INF2, inputs);
    for (let shuffleSeed = 1; shuffleSeed <= 10; shuffleSeed++)
      expect(run(built, INF2, inputs, { shuffleSeed })).toEqual(outputs);
  });
});

it('random graphs: every needed wait, removed, is found by both; timings do not matter', () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.constantFrom(INF1, INF2), fc.nat(), (seed, target, choice) => {
      const graph = randomGraph(seed, 8);
      const built = build(graph, target);
      const inputs = inputsOf(graph, seed);
      const outputs = run(built, target, inputs);
      for (const [i, want] of interpretGraph(graph, inputs).entries())
        expect(
          difference(want, outputs[i] as Uint8Array, { relative: 1e-3, absolute: 1e-4 }),
        ).toBeUndefined();
      expect(run(built, target, inputs, { shuffleSeed: seed })).toEqual(outputs);
      const needed = neededWaits(built.program, target, 0).filter((w) => w.need === 'needed');
      const chosen = needed[choice % Math.max(1, needed.length)];
      if (chosen === undefined) return;
      const program = withoutWait(built.program, 'main', chosen.fragment.engine, chosen.index, chosen.wait);
      expect(races(program, target)).toBeGreaterThan(0);
      expect(RACE).toContain(trapOf({ ...built, program }, target, inputs));
    }),
    { numRuns: 60, seed: 11 },
  );
});
