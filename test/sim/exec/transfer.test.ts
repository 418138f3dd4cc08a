// DMA against a mover that takes one element at a time.
import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../../src/base/random.js';
import { INF2 } from '../../../src/chip/builtin.js';
import type { DmaDescriptor, DmaIndirect, DmaSide, DmaSpace } from '../../../src/isa/operands.js';
import type { Variable } from '../../../src/isa/program.js';
import { transfer } from '../../../src/sim/exec/transfer.js';
import { createMachine, type Machine, readWord } from '../../../src/sim/machine.js';

const PARTITION_BYTES = 2048;
const DRAM_BYTES = 1 << 16;
const TARGET = {
  ...INF2,
  sbufPartitionBytes: PARTITION_BYTES,
  psum: { banks: 1, bankBytes: PARTITION_BYTES },
};
const VARIABLES: readonly Variable[] = [
  { name: 'a', kind: 'scratch', bytes: DRAM_BYTES },
  { name: 'b', kind: 'scratch', bytes: DRAM_BYTES },
  { name: 'weights', kind: 'constant', bytes: DRAM_BYTES - 3, constantOffset: 3 },
];

type Four = [number, number, number, number];

/** Where element `n` of a side lies: the array and the address in it. */
function addressOf(m: Machine, side: DmaSide, n: number, rows?: readonly number[]): number {
  let rest = n;
  let [partition, offset] = [side.partition, side.offset];
  for (let d = 3; d >= 0; d--) {
    const i = rest % side.counts[d]!;
    rest = Math.floor(rest / side.counts[d]!);
    const step = (d === 0 && rows !== undefined ? rows[i]! : i) * side.strides[d]!;
    if (d === side.partitionDim && side.space !== 'dram') partition += step;
    else offset += step;
  }
  if (side.space === 'dram') return offset;
  const layout = m.spaces[side.space];
  return layout.base + partition * layout.partitionBytes + offset;
}

function moveByElement(m: Machine, d: DmaDescriptor): void {
  const at = d.indirect;
  const rows =
    at &&
    Array.from({ length: d[at.side].counts[0] }, (_, i) => {
      const place = { dram: at.space === 'dram', variable: at.variable, partition: at.partition };
      return readWord(m, { ...place, offset: at.offset + 4 * i }) + at.add;
    });
  const bytesOf = (s: DmaSide) => (s.space === 'dram' ? m.dram.bytes(s.variable) : m.views.u8);
  const total = d.src.counts.reduce((a, b) => a * b, 1);
  const elements = Array.from({ length: total }, (_, n) => {
    const from = addressOf(m, d.src, n, at?.side === 'src' ? rows : undefined);
    return bytesOf(d.src).slice(from, from + d.elementBytes);
  });
  elements.forEach((e, n) => {
    bytesOf(d.dst).set(e, addressOf(m, d.dst, n, at?.side === 'dst' ? rows : undefined));
  });
}

function factors(r: Random, n: number): Four {
  const counts: Four = [1, 1, 1, 1];
  let rest = n;
  for (const d of [3, 2, 1]) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((i) => rest % i === 0);
    counts[d] = r.pick(divisors);
    rest /= counts[d]!;
  }
  counts[0] = rest;
  return counts;
}

/** A side of the given counts within its memory; `rows` is the greatest row number of an indexed dim 0. */
function sideOf(r: Random, counts: Four, width: number, writes: boolean, rows?: number): DmaSide {
  const space: DmaSpace = r.pick(['dram', 'sbuf', 'psum']);
  const fits = [0, 1, 2, 3].filter((d) => (d === 0 && rows !== undefined ? rows + 1 : counts[d]!) <= 128);
  const partitionDim = space === 'dram' || r.chance(0.2) ? -1 : r.pick([...fits, -1]);
  const size = space === 'dram' ? DRAM_BYTES - 3 : PARTITION_BYTES;
  const strides: Four = [0, 0, 0, 0];
  let step = width;
  let [low, high] = [0, width];
  for (const d of r.pick([
    [3, 2, 1, 0],
    [3, 2, 1, 0],
    [0, 2, 1, 3],
  ])) {
    const last = d === 0 && rows !== undefined ? rows : counts[d]! - 1;
    if (d === partitionDim) continue;
    const wanted = r.chance(0.1) ? 0 : r.chance(0.1) ? -step : step;
    strides[d] = high - low + last * Math.abs(wanted) > size ? 0 : wanted;
    if (strides[d]! < 0) low += last * strides[d]!;
    else high += last * strides[d]!;
    step *= counts[d]! + (r.chance(0.2) ? 1 : 0);
  }
  let partition = space === 'dram' ? 0 : r.integer(0, 127);
  if (partitionDim >= 0) {
    const last = partitionDim === 0 && rows !== undefined ? rows : counts[partitionDim]! - 1;
    const most = last === 0 ? 3 : Math.floor(127 / last);
    strides[partitionDim] = r.integer(Math.max(-3, -most), Math.min(3, most));
    const span = last * strides[partitionDim]!;
    partition = r.integer(Math.max(0, -span), 127 - Math.max(0, span));
  }
  const offset = -low + width * r.integer(0, Math.floor((size - (high - low)) / width));
  const variable = space === 'dram' ? r.pick(writes ? [0, 1] : [0, 1, 2]) : 0;
  return { space, variable, offset, partition, partitionDim, counts, strides, reg: -1 };
}

function descriptorOf(r: Random): DmaDescriptor {
  const elementBytes = r.pick([1, 2, 4, 8] as const);
  const total = r.pick([r.integer(1, 48), r.integer(1, 12) * r.integer(1, 12) * r.integer(1, 4)]);
  const side = r.chance(0.4) ? r.pick(['src', 'dst'] as const) : undefined;
  const bound = r.integer(1, 40);
  const make = (writes: boolean, indexed: boolean) =>
    sideOf(r, factors(r, total), elementBytes, writes, indexed ? bound - 1 : undefined);
  const sides = { elementBytes, src: make(false, side === 'src'), dst: make(true, side === 'dst') };
  if (side === undefined) return sides;
  const space = r.pick(['sbuf', 'dram'] as const);
  const indirect: DmaIndirect = {
    side,
    space,
    variable: 1,
    partition: r.integer(0, 127),
    offset: 4 * r.integer(0, 100),
    bound,
    add: r.integer(-3, 3),
  };
  return { ...sides, indirect };
}

function randomMachine(r: Random): Machine {
  const constants = Uint8Array.from({ length: DRAM_BYTES }, () => r.integer(0, 255));
  const m = createMachine(TARGET, { variables: VARIABLES }, { constants, kernels: 'plain' });
  for (let i = 0; i < m.views.u8.length; i++) m.views.u8[i] = r.integer(0, 255);
  for (const v of [0, 1]) m.dram.writable(v).set(constants);
  return m;
}

/** Writes row numbers that the bound allows where the descriptor reads them. */
function writeIndex(r: Random, m: Machine, d: DmaDescriptor): void {
  const at = d.indirect;
  if (at === undefined) return;
  const bytes = at.space === 'dram' ? m.dram.writable(at.variable) : m.views.u8;
  const start = at.space === 'dram' ? at.offset : at.partition * PARTITION_BYTES + at.offset;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let i = 0; i < d[at.side].counts[0]; i++)
    view.setInt32(start + 4 * i, r.integer(0, at.bound - 1) - at.add, true);
}

const small = (space: DmaSpace, changes: Partial<DmaSide>): DmaSide => ({
  space,
  variable: 0,
  offset: 0,
  partition: 0,
  partitionDim: -1,
  counts: [1, 1, 1, 4],
  strides: [0, 0, 0, 4],
  reg: -1,
  ...changes,
});

describe('transfer', () => {
  it('moves like an element by element mover, whatever the pattern', () => {
    const [fast, slow] = [randomMachine(createRandom(5)), randomMachine(createRandom(5))];
    for (let seed = 0; seed < 1500; seed++) {
      const d = descriptorOf(createRandom(seed));
      for (const m of [fast, slow]) writeIndex(createRandom(seed + 1), m, d);
      transfer(d, fast);
      moveByElement(slow, d);
      const label = `seed ${seed}: ${JSON.stringify(d)}`;
      expect(Buffer.compare(fast.views.u8, slow.views.u8), label).toBe(0);
      for (const v of [0, 1]) expect(Buffer.compare(fast.dram.bytes(v), slow.dram.bytes(v)), label).toBe(0);
    }
  });

  it('puts one partition after the other and gathers rows by number', () => {
    const m = createMachine(TARGET, { variables: VARIABLES }, { kernels: 'plain' });
    const dram = new Float32Array(m.dram.writable(0).buffer);
    for (let i = 0; i < 64; i++) dram[i] = i;
    m.views.i32.set([7, 0, 5], PARTITION_BYTES / 4);
    transfer(
      {
        elementBytes: 4,
        src: small('dram', { counts: [3, 1, 1, 4], strides: [16, 0, 0, 4] }),
        dst: small('sbuf', { partition: 10, partitionDim: 0, counts: [3, 1, 1, 4], strides: [2, 0, 0, 4] }),
        indirect: { side: 'src', space: 'sbuf', variable: 0, partition: 1, offset: 0, bound: 9, add: 1 },
      },
      m,
    );
    const row = (p: number) => [
      ...m.views.f32.subarray((p * PARTITION_BYTES) / 4, (p * PARTITION_BYTES) / 4 + 4),
    ];
    expect([row(10), row(11), row(12), row(14)]).toEqual([
      [32, 33, 34, 35],
      [0, 0, 0, 0],
      [4, 5, 6, 7],
      [24, 25, 26, 27],
    ]);
  });

  it('traps before a byte moves', () => {
    const m = createMachine(TARGET, { variables: VARIABLES }, { constants: new Uint8Array(DRAM_BYTES) });
    const attempt = (src: Partial<DmaSide>, dst: Partial<DmaSide>, indirect?: DmaIndirect) => () =>
      transfer(
        { elementBytes: 4, src: small('dram', src), dst: small('sbuf', dst), ...(indirect && { indirect }) },
        m,
      );
    expect(attempt({ offset: DRAM_BYTES - 12 }, {})).toThrow(/E1401: a transfer from variable 0/);
    expect(attempt({}, { offset: PARTITION_BYTES - 12 })).toThrow(
      /E1401: a transfer to sbuf partitions 0..0/,
    );
    expect(attempt({}, { partition: 126, partitionDim: 3, strides: [0, 0, 0, 1] })).toThrow(/E1401/);
    expect(attempt({}, { counts: [1, 1, 1, 5] })).toThrow(/E1402/);
    expect(attempt({ variable: 9 }, {})).toThrow(/E1401: DRAM variable 9/);
    expect(attempt({}, { space: 'dram', variable: 2 })).toThrow(/E1406: write to constant weights/);
    m.views.i32[0] = 3;
    const indirect: DmaIndirect = {
      side: 'src',
      space: 'sbuf',
      variable: 0,
      partition: 0,
      offset: 0,
      bound: 3,
      add: 0,
    };
    expect(attempt({}, {}, indirect)).toThrow(/E1405: row 3 \(index 3 at 0\) is outside 0..2/);
    expect(attempt({}, {}, { ...indirect, offset: 6 })).toThrow(/E1401: word at offset 6/);
  });
});
