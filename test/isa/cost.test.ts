import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INF1, INF2 } from '../../src/chip/builtin.js';
import type { EngineName, Target } from '../../src/chip/target.js';
import { assemble, assembleDescriptors } from '../../src/isa/assemble.js';
import { costOf, stationaryTicks } from '../../src/isa/cost.js';
import { descriptorTicks, dmaRows, dramRowTicks, rowTicks } from '../../src/isa/dma-cost.js';
import type { DmaDescriptor, DmaSide } from '../../src/isa/operands.js';
import type { Instruction } from '../../src/isa/table.js';

const matmul = (type: string, n: number): string =>
  `MATMUL dst=psum.${type === 'i8' ? 'i32' : 'f32'}[0:64]+0x0{${n}:1} stationary=sbuf.${type}[0:128]+0x0{64:1} moving=sbuf.${type}[0:128]+0x0{${n}:1} start`;
const ap = (n: number, stride = 1): string => `sbuf.f32[0:128]+0x0{${n}:${stride}}`;

// Ticks: inf2 PE 10 a cycle, ACT and POOL 20, DVE 25; inf1 PE 56, ACT and DVE 28.
const EXAMPLES: readonly (readonly [
  what: string,
  target: Target,
  engine: EngineName,
  line: string,
  issue: number,
  latency: number,
])[] = [
  ['512 bf16 columns', INF2, 'pe', matmul('bf16', 512), 5120, 1280],
  ['512 bf16 columns', INF1, 'pe', matmul('bf16', 512), 512 * 56, 128 * 56],
  ['few columns cost 64', INF2, 'pe', matmul('bf16', 10), 640, 1280],
  ['fp32 takes four times', INF2, 'pe', matmul('f32', 512), 20480, 1280],
  ['int8 takes half', INF2, 'pe', matmul('i8', 512), 2560, 1280],
  ['any function N', INF2, 'act', `ACTIVATE func=gelu dst=${ap(100)} src=${ap(100)} scale=1`, 2000, 3200],
  [
    'a short row costs 64',
    INF2,
    'act',
    `ACTIVATE func=gelu dst=${ap(3)} src=${ap(3)} scale=1`,
    64 * 20,
    3200,
  ],
  [
    'two inputs 2N',
    INF2,
    'dve',
    `TENSOR_TENSOR op=add dst=${ap(512)} a=${ap(512)} b=${ap(512)}`,
    1024 * 25,
    4000,
  ],
  [
    'two operations cost as one',
    INF2,
    'dve',
    `TENSOR_SCALAR op0=add op1=max dst=${ap(512)} src=${ap(512)} s0=1 s1=2`,
    512 * 25,
    4000,
  ],
  [
    'three inputs 3N',
    INF1,
    'dve',
    `SELECT dst=${ap(100)} mask=${ap(100)} a=${ap(100)} b=${ap(100)}`,
    300 * 28,
    160 * 28,
  ],
  [
    'division 8N',
    INF2,
    'dve',
    `TENSOR_SCALAR op0=divide op1=bypass dst=${ap(100)} src=${ap(100)} s0=1 reverse0`,
    800 * 25,
    4000,
  ],
  ['16-byte strides at full rate', INF2, 'dve', `COPY dst=${ap(100)} src=${ap(100, 4)}`, 100 * 25, 4000],
  ['longer strides at half rate', INF2, 'dve', `COPY dst=${ap(100)} src=${ap(100, 5)}`, 200 * 25, 4000],
  [
    'a reduction reads its row',
    INF2,
    'dve',
    `REDUCE op=add dst=sbuf.f32[0:128]+0x0 src=${ap(300)} axes=1`,
    300 * 25,
    4000,
  ],
  [
    'held values are free',
    INF2,
    'dve',
    `MAX_INDEX dst=sbuf.u32[0:128]+0x0{8:1} values=${ap(8)} src=${ap(300)}`,
    300 * 25,
    4000,
  ],
  [
    'gather 4 cycles',
    INF2,
    'pool',
    `GATHER dst=${ap(64)} src=${ap(500)} index=sbuf.i32[0:128]+0x0{64:1}`,
    256 * 20,
    3200,
  ],
  [
    'over 128 partitions 2N x 7',
    INF2,
    'pool',
    `PARTITION_REDUCE op=add dst=sbuf.f32[0:1]+0x0{64:1} src=${ap(64)}`,
    896 * 20,
    3200,
  ],
  ['control 20 ns', INF2, 'dve', 'REG_SET reg=0 value=1', 560, 0],
  ['a trigger 20 ns', INF2, 'sp', 'DMA queue=0 first=0 count=1', 560, 0],
];

describe('cost of instructions', () => {
  it.each(EXAMPLES)('%s', (_what, target, engine, line, issue, latency) => {
    const [instr] = assemble(line);
    expect(instr && costOf(instr, engine, target)).toEqual({ issue, latency });
  });

  it('rounds up where a clock does not divide', () => {
    const target: Target = { ...INF2, clockMhz: { ...INF2.clockMhz, pe: 3000 } };
    const [instr] = assemble(matmul('bf16', 64));
    expect(instr && costOf(instr, 'pe', target).issue).toBe(598);
  });

  it('of a stationary load is max(M, 64) / 4 cycles', () => {
    const load = (m: number): number => {
      const [instr] = assemble(
        `MATMUL dst=psum.f32[0:${m}]+0x0 stationary=sbuf.bf16[0:32]+0x0{${m}:1} moving=sbuf.bf16[0:32]+0x0`,
      );
      return stationaryTicks(instr as Instruction<'MATMUL'>, INF2);
    };
    expect([load(128), load(16)]).toEqual([320, 160]);
  });
});

const descriptor = (line: string): DmaDescriptor => {
  const [d] = assembleDescriptors(line);
  if (d === undefined) throw new Error('no descriptor');
  return d;
};

/** Rows of a direct descriptor by walking its elements. */
function walkedRows(d: DmaDescriptor): Map<number, number> {
  const addresses = (side: DmaSide): [partition: number, offset: number][] => {
    let at: [number, number][] = [[0, 0]];
    for (const [dim, count] of side.counts.entries()) {
      const step = side.strides[dim] ?? 0;
      at = at.flatMap(([p, o]) =>
        Array.from({ length: count }, (_, i): [number, number] =>
          dim === side.partitionDim ? [p + i * step, o] : [p, o + i * step],
        ),
      );
    }
    return at;
  };
  const [src, dst] = [addresses(d.src), addresses(d.dst)];
  const joins = (list: [number, number][], i: number): boolean =>
    list[i]?.[0] === list[i - 1]?.[0] && list[i]?.[1] === (list[i - 1]?.[1] ?? 0) + d.elementBytes;
  const rows = new Map<number, number>();
  let length = 1;
  for (let i = 1; i <= src.length; i++) {
    if (i < src.length && joins(src, i) && joins(dst, i)) length++;
    else {
      rows.set(length * d.elementBytes, (rows.get(length * d.elementBytes) ?? 0) + 1);
      length = 1;
    }
  }
  return rows;
}

/** A side of 24 elements: dims in some order, each dense or with a gap after it. */
const side24 = (inDram: boolean): fc.Arbitrary<DmaSide> =>
  fc
    .record({
      counts: fc.constantFrom<DmaSide['counts']>(
        [1, 1, 1, 24],
        [1, 1, 4, 6],
        [1, 6, 1, 4],
        [2, 3, 2, 2],
        [3, 1, 8, 1],
        [1, 2, 4, 3],
      ),
      gaps: fc.array(fc.constantFrom(0, 0, 4, 12), { minLength: 4, maxLength: 4 }),
      partitionDim: fc.integer({ min: -1, max: 3 }),
    })
    .map(({ counts, gaps, partitionDim }) => {
      const strides: [number, number, number, number] = [0, 0, 0, 0];
      let extent = 4;
      for (let d = 3; d >= 0; d--) {
        strides[d] = extent + (gaps[d] ?? 0);
        extent = (strides[d] ?? 0) * (counts[d] ?? 1);
      }
      const inPartitions = !inDram && partitionDim >= 0;
      if (inPartitions) strides[partitionDim] = 1;
      const place = {
        space: inDram ? 'dram' : 'sbuf',
        variable: 0,
        offset: 0,
        partition: 0,
        reg: -1,
      } as const;
      return { ...place, partitionDim: inPartitions ? partitionDim : -1, counts, strides };
    });

describe('DMA rows', () => {
  it('of a matrix into partitions are its rows', () => {
    const d = descriptor('4B src=dram:0+0x0{8x16:64,4} dst=sbuf@0+0x0{8x16:p1,4}');
    expect(dmaRows(d)).toEqual({ groups: [{ bytes: 64, count: 8 }], rows: 8, bytes: 512, touchesDram: true });
    // inf2: 27 ns = 756 ticks, 64 bytes at 17 B/ns = 105.4; at the DRAM's 820 B/ns 2.2. inf1: 64 bytes at 8 B/ns = 224.
    expect([rowTicks(64, INF2), rowTicks(64, INF1), dramRowTicks(64, INF2)]).toEqual([862, 980, 3]);
    expect(rowTicks(1700, INF2)).toBe(756 + 2800);
    expect(descriptorTicks(d, INF2)).toBe(8 * 862);
  });

  it('of a transposing copy are single elements', () => {
    const d = descriptor('4B src=dram:0+0x0{16x8:4,64} dst=sbuf@0+0x0{16x8:p1,4}');
    expect(dmaRows(d).groups).toEqual([{ bytes: 4, count: 128 }]);
  });

  it('of a gather end with each index', () => {
    const d = descriptor(
      '2B src=dram:0+0x0{4x1x1x32:64,0,0,2} dst=sbuf@0+0x0{128:2} gather=sbuf@0+0x0 bound=9',
    );
    expect(dmaRows(d).groups).toEqual([{ bytes: 64, count: 4 }]);
    expect(dmaRows({ elementBytes: d.elementBytes, src: d.src, dst: d.dst }).groups).toEqual([
      { bytes: 256, count: 1 },
    ]);
  });

  it('between SBUF use no DRAM', () => {
    expect(dmaRows(descriptor('1B src=sbuf@0+0x0{64:1} dst=sbuf@9+0x0{64:1}')).touchesDram).toBe(false);
  });

  it('are those found by walking the elements', () => {
    fc.assert(
      fc.property(side24(true), side24(false), (src, dst) => {
        const d: DmaDescriptor = { elementBytes: 4, src, dst };
        const counted = new Map(dmaRows(d).groups.map((g) => [g.bytes, g.count]));
        expect(counted).toEqual(walkedRows(d));
      }),
      { numRuns: 500 },
    );
  });

  it('of huge transfers are counted without walking', () => {
    const d = descriptor('1B src=dram:0+0x0{1000000x4000:4096,1} dst=dram:1+0x0{4000000x1000:1024,1}');
    expect(dmaRows(d).groups).toEqual([{ bytes: 1000, count: 4_000_000 }]);
  });
});
