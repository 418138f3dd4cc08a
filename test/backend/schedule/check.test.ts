// The check of order and addresses: what the compile makes passes; an order or an address changed so that a byte would come from
// another step is found, whatever it is.
import { describe, expect, it } from 'vitest';
import { operandsOf, type Placement, placedFootprints } from '../../../src/backend/check/placing.js';
import { compileGraphs } from '../../../src/backend/compile.js';
import type { Buffer } from '../../../src/backend/lower/buffer.js';
import type { LoweredProgram } from '../../../src/backend/lower/lower.js';
import { checkSchedule, type PlacedSchedule } from '../../../src/backend/schedule/check.js';
import { INF2 } from '../../../src/chip/builtin.js';
import { conflicts } from '../../../src/isa/overlap.js';
import { PROGRAMS } from '../programs.js';

/** The scheduled main section of a program as the check takes it. */
function scheduleOf(name: string): PlacedSchedule {
  let program: LoweredProgram | undefined;
  const compiled = compileGraphs([{ name: 'main', graph: PROGRAMS[name]!() }], INF2, {
    kind: 'graph',
    level: 2,
    onStage: (stage, data) => {
      if (stage === 'lower') program = data as LoweredProgram;
    },
  });
  const { section, fixed, schedule, memory } = compiled.placed.sections[0]!;
  const placement: Placement = {
    offset: (b) =>
      b.space === 'psum' ? (schedule.banks.get(b) ?? 0) * INF2.psum.bankBytes : memory.offset(b),
    variable: (b) => (b.variable === 'scratch' ? 0 : b.id + 1),
  };
  const kept = [...fixed.offsets.keys(), ...program!.outputs.map((p) => p.buffer)];
  return { steps: section.steps, order: schedule.order, placement, kept };
}

let moves = 0;
const rules = (s: PlacedSchedule): string[] => [...new Set(checkSchedule(s, INF2).map((f) => f.rule))].sort();

/** The placement with one buffer elsewhere. */
function moved(s: PlacedSchedule, b: Buffer, offset: number): PlacedSchedule {
  const { placement } = s;
  return { ...s, placement: { ...placement, offset: (x) => (x === b ? offset : placement.offset(x)) } };
}

describe.each(Object.keys(PROGRAMS))('%s', (name) => {
  const s = scheduleOf(name);

  it('is what the program says', () => {
    expect(checkSchedule(s, INF2)).toEqual([]);
  });

  it('neighbours swapped are found where they touch the same bytes, and only there', () => {
    const footprint = (i: number) => {
      const all = placedFootprints(s.steps[i]!, s.placement);
      return { reads: all.flatMap((f) => f.reads), writes: all.flatMap((f) => f.writes) };
    };
    let found = 0;
    for (let k = 1; k < s.order.length; k++) {
      const [a, b] = [s.order[k - 1]!, s.order[k]!];
      const order = [...s.order.slice(0, k - 1), b, a, ...s.order.slice(k + 1)];
      const bad = rules({ ...s, order }).length > 0;
      // Two writes nobody reads in between may change places; all other meetings matter.
      if (bad) expect(conflicts(footprint(a), footprint(b))).toBe(true);
      else {
        const [x, y] = [footprint(a), footprint(b)];
        expect(
          conflicts({ ...x, writes: [] }, { ...y, reads: [] }) ||
            conflicts({ ...x, reads: [] }, { ...y, writes: [] }),
        ).toBe(false);
      }
      if (bad) found++;
    }
    expect(found).toBeGreaterThan(0);
  });

  it('a buffer moved onto another that is read later is found', () => {
    const lives = new Map<Buffer, { first: number; lastRead: number }>();
    s.order.forEach((i, k) => {
      const step = s.steps[i]!;
      for (const { name, buffer } of operandsOf(step)) {
        const life = lives.get(buffer) ?? { first: k, lastRead: -1 };
        lives.set(buffer, life);
        if (!/dst|Dst/.test(name)) life.lastRead = k;
      }
    });
    const own = [...lives].filter(([b]) => b.space === 'sbuf' && b.weight !== true);
    for (const [b, { first }] of own) {
      const whole = placedFootprints(s.steps[s.order[first]!]!, s.placement)
        .flatMap((f) => f.writes)
        .some(
          (w) =>
            w.space === 'sbuf' && w.parts === b.parts && w.run >= b.bytes && w.lo === s.placement.offset(b),
        );
      const under = own.find(
        ([o, life]) =>
          o !== b &&
          life.first < first &&
          life.lastRead > first &&
          o.start === b.start &&
          o.parts <= b.parts &&
          o.bytes <= b.bytes,
      );
      if (!whole || under === undefined) continue;
      expect(rules(moved(s, b, s.placement.offset(under[0]))), `${b.id} onto ${under[0].id}`).not.toEqual([]);
      moves++;
    }
  });
});

it('the programs have buffers that live at the same time', () => {
  expect(moves).toBeGreaterThan(10);
});

describe('each rule', () => {
  const s = scheduleOf('mlp');
  const firstSbuf = s.steps
    .flatMap((x) => (x.descriptors ?? []).map((d) => d.dst.buffer))
    .find((b) => b.space === 'sbuf')!;

  it('a step left out, a step twice', () => {
    expect(rules({ ...s, order: s.order.slice(1) })).toEqual(['order']);
    expect(rules({ ...s, order: [...s.order, 0] })).toEqual(['order']);
    expect(rules({ ...s, order: [...s.order.slice(1), s.steps.length] })).toEqual(['order']);
  });

  it('an address outside, or not aligned', () => {
    expect(rules(moved(s, firstSbuf, INF2.sbufPartitionBytes - 4))).toEqual(['address']);
    expect(rules(moved(s, firstSbuf, s.placement.offset(firstSbuf) + 2))).toEqual(['address']);
  });

  it('a pin overwritten is found even where nobody reads it any more', () => {
    const pin = s.kept.find((b) => b.space === 'sbuf')!;
    const written = s.steps
      .flatMap((x) =>
        'dst' in x.instruction ? [(x.instruction.dst as unknown as { buffer: Buffer }).buffer] : [],
      )
      .filter((b) => b.space === 'sbuf');
    const last = written.at(-1)!;
    expect(rules(moved(s, last, s.placement.offset(pin)))).toContain('kept');
  });

  it('says which step the byte comes from and which it should', () => {
    const [finding] = checkSchedule({ ...s, order: [...s.order].reverse() }, INF2);
    expect(finding?.message).toMatch(
      /^reads buffer \d+ as left by no step; the program says step \d+ \(\w+ \w+\)$/,
    );
  });
});
