// DMA descriptors to bytes and back: 160 bytes each, so that a trigger finds descriptor i by multiplication. Little-endian:
//   0 element bytes u8 | 1 flags u8: 1 indirect, 2 indirect on dst, 4 index vector in DRAM | 2 zero u8 | 3 index partition u8 | 4 index variable u32
//   8 src, 72 dst: space u8, partitionDim i8, reg i8, partition u8, variable u32, offset i64, counts 4 u32, strides 4 i64
//   136 index offset i64, bound i64, add i64
import { bug } from '../base/diagnostic.js';
import type { DmaDescriptor, DmaIndirect, DmaSide, DmaSpace } from './operands.js';
import { REGISTERS } from './operands.js';

export const DESCRIPTOR_BYTES = 160;
const SRC_AT = 8;
const DST_AT = 72;
const INDEX_AT = 136;
const SPACES: readonly DmaSpace[] = ['sbuf', 'psum', 'dram'];
const FLAG = { indirect: 1, dst: 2, dram: 4 } as const;
const HIGH = 2 ** 32;

function fits(value: number, min: number, max: number, field: string): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw bug('E1200', `descriptor ${field} = ${value} is outside ${min}..${max}`);
  }
  return value;
}

function setInt64(view: DataView, at: number, value: number, field: string): void {
  fits(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, field);
  const high = Math.floor(value / HIGH);
  view.setUint32(at, value - high * HIGH, true);
  view.setInt32(at + 4, high, true);
}

function writeSide(view: DataView, at: number, side: DmaSide, name: string): void {
  view.setUint8(at, fits(SPACES.indexOf(side.space), 0, 2, `${name}.space`));
  view.setInt8(at + 1, fits(side.partitionDim, -1, 3, `${name}.partitionDim`));
  view.setInt8(at + 2, fits(side.reg, -1, REGISTERS - 1, `${name}.reg`));
  view.setUint8(at + 3, fits(side.partition, 0, 255, `${name}.partition`));
  view.setUint32(at + 4, fits(side.variable, 0, HIGH - 1, `${name}.variable`), true);
  setInt64(view, at + 8, side.offset, `${name}.offset`);
  for (let d = 0; d < 4; d++) {
    view.setUint32(at + 16 + 4 * d, fits(side.counts[d] ?? 1, 0, HIGH - 1, `${name}.counts.${d}`), true);
    setInt64(view, at + 32 + 8 * d, side.strides[d] ?? 0, `${name}.strides.${d}`);
  }
}

/**
 * The bytes of a descriptor table.
 * @throws E1200 naming the field whose value its encoding does not hold
 */
export function encodeDescriptors(descriptors: readonly DmaDescriptor[]): Uint8Array {
  const bytes = new Uint8Array(descriptors.length * DESCRIPTOR_BYTES);
  for (const [i, d] of descriptors.entries()) {
    const view = new DataView(bytes.buffer, i * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES);
    if (![1, 2, 4, 8].includes(d.elementBytes))
      throw bug('E1200', `descriptor elementBytes = ${d.elementBytes}`);
    view.setUint8(0, d.elementBytes);
    writeSide(view, SRC_AT, d.src, 'src');
    writeSide(view, DST_AT, d.dst, 'dst');
    const { indirect } = d;
    if (indirect === undefined) continue;
    view.setUint8(
      1,
      FLAG.indirect | (indirect.side === 'dst' ? FLAG.dst : 0) | (indirect.space === 'dram' ? FLAG.dram : 0),
    );
    view.setUint8(3, fits(indirect.partition, 0, 255, 'indirect.partition'));
    view.setUint32(4, fits(indirect.variable, 0, HIGH - 1, 'indirect.variable'), true);
    setInt64(view, INDEX_AT, indirect.offset, 'indirect.offset');
    setInt64(view, INDEX_AT + 8, indirect.bound, 'indirect.bound');
    setInt64(view, INDEX_AT + 16, indirect.add, 'indirect.add');
  }
  return bytes;
}

type Fail = (at: number, what: string) => never;

function getInt64(view: DataView, at: number, fail: Fail): number {
  const value = view.getInt32(at + 4, true) * HIGH + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : fail(at, 'a number beyond 2^53');
}

type Four = [number, number, number, number];

function readSide(view: DataView, at: number, fail: Fail): DmaSide {
  const space = SPACES[view.getUint8(at)] ?? fail(at, 'unknown memory');
  const partitionDim = view.getInt8(at + 1);
  if (partitionDim < -1 || partitionDim > 3) fail(at + 1, `partition dim ${partitionDim}`);
  const reg = view.getInt8(at + 2);
  if (reg < -1 || reg >= REGISTERS) fail(at + 2, `register ${reg}`);
  const counts: Four = [0, 0, 0, 0];
  const strides: Four = [0, 0, 0, 0];
  for (let d = 0; d < 4; d++) {
    counts[d] = view.getUint32(at + 16 + 4 * d, true);
    strides[d] = getInt64(view, at + 32 + 8 * d, fail);
  }
  const variable = view.getUint32(at + 4, true);
  const offset = getInt64(view, at + 8, fail);
  return { space, variable, offset, partition: view.getUint8(at + 3), partitionDim, counts, strides, reg };
}

function readIndirect(view: DataView, flags: number, fail: Fail): DmaIndirect {
  return {
    side: flags & FLAG.dst ? 'dst' : 'src',
    space: flags & FLAG.dram ? 'dram' : 'sbuf',
    variable: view.getUint32(4, true),
    partition: view.getUint8(3),
    offset: getInt64(view, INDEX_AT, fail),
    bound: getInt64(view, INDEX_AT + 8, fail),
    add: getInt64(view, INDEX_AT + 16, fail),
  };
}

function isZero(view: DataView, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (view.getUint8(at) !== 0) return false;
  return true;
}

/**
 * The descriptors of a table.
 * @throws E1207 with the byte offset of what is no valid encoding
 */
export function decodeDescriptors(bytes: Uint8Array): DmaDescriptor[] {
  const descriptors: DmaDescriptor[] = [];
  for (let from = 0; from < bytes.length; from += DESCRIPTOR_BYTES) {
    const fail: Fail = (at, what) => {
      throw bug('E1207', `invalid DMA descriptor at byte ${from + at}: ${what}`, { offset: from + at });
    };
    if (from + DESCRIPTOR_BYTES > bytes.length)
      fail(0, `${bytes.length - from} of ${DESCRIPTOR_BYTES} bytes`);
    const view = new DataView(bytes.buffer, bytes.byteOffset + from, DESCRIPTOR_BYTES);
    const elementBytes = view.getUint8(0);
    if (elementBytes !== 1 && elementBytes !== 2 && elementBytes !== 4 && elementBytes !== 8) {
      fail(0, `elements of ${elementBytes} bytes`);
    }
    const flags = view.getUint8(1);
    const direct = (flags & FLAG.indirect) === 0;
    if (flags > 7 || !isZero(view, 2, 3) || (direct && flags !== 0)) fail(1, 'reserved bits are set');
    if (direct && !(isZero(view, 3, 8) && isZero(view, INDEX_AT, DESCRIPTOR_BYTES)))
      fail(3, 'an index vector without its flag');
    const sides = {
      elementBytes,
      src: readSide(view, SRC_AT, fail),
      dst: readSide(view, DST_AT, fail),
    } as const;
    descriptors.push(direct ? sides : { ...sides, indirect: readIndirect(view, flags, fail) });
  }
  return descriptors;
}
