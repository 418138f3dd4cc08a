// Casts between single precision and the 16-bit type of auto-cast. A widening cast of a narrow value is taken back rather than
// followed by another cast. Constants beyond the type's range are what masks use for minus infinity: they become a quarter of
// its greatest value, so that sums of masks and scores stay finite; infinities stay infinities.
import { decodeSmallFloats } from '../../base/float-formats.js';
import { constantOf, type Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { dimsOf, madeBy, smallNumbers } from '../match.js';
import type { PassContext } from '../pass.js';

type Narrow = PassContext['narrow'];

/** Code of the greatest finite value. */
const GREATEST_CODE: Readonly<Record<Narrow, number>> = { bf16: 0x7f7f, f16: 0x7bff };
/** Code of the least normal value. */
const LEAST_CODE: Readonly<Record<Narrow, number>> = { bf16: 0x0080, f16: 0x0400 };

function decoded(type: Narrow, code: number): number {
  const value = new Float32Array(1);
  decodeSmallFloats(type, Uint16Array.of(code), value);
  return value[0] ?? 0;
}

/** Greatest finite and least normal magnitude. */
export function rangeOf(type: Narrow): { readonly greatest: number; readonly least: number } {
  return { greatest: decoded(type, GREATEST_CODE[type]), least: decoded(type, LEAST_CODE[type]) };
}

/** The value in the narrow type, where it is in single precision; other types stay. */
export function narrowed(b: GraphBuilder, v: Value, type: Narrow): Value {
  if (v.type.dtype !== 'f32') return v;
  const cast = madeBy(v, 'cast');
  const source = cast?.inputs[0];
  if (source?.type.dtype === type) return source;
  return b.one('cast', [constantOf(v) === undefined ? v : clamped(b, v, type)], { to: type });
}

/** Whether the value is there in the narrow type already. */
export function isNarrow(v: Value, type: Narrow): boolean {
  return v.type.dtype === 'f32' && madeBy(v, 'cast')?.inputs[0]?.type.dtype === type;
}

/** A constant with magnitudes beyond the range of the type brought into it; constants that are too large to look into stay. */
export function clamped(b: GraphBuilder, v: Value, type: Narrow): Value {
  const { greatest } = rangeOf(type);
  const numbers = v.type.dtype === 'f32' ? smallNumbers(v) : undefined;
  if (numbers === undefined || !Array.from(numbers).some((x) => Number.isFinite(x) && Math.abs(x) > greatest))
    return v;
  const limit = b.scalar('f32', greatest / 4);
  const magnitude = b.one('abs', [v]);
  const beyond = b.one('gt', [magnitude, b.scalar('f32', greatest)]);
  const finite = b.one('not', [b.one('isinf', [v])]);
  const signed = b.one('mul', [b.one('sign', [v]), limit]);
  return b.one('where', [b.one('and', [beyond, finite]), signed, v]);
}

export function widened(b: GraphBuilder, v: Value): Value {
  return b.one('cast', [v], { to: 'f32' });
}

/** Whether a constant's elements are all of the narrow type; false where it is too large to look into. */
export function isExact(b: GraphBuilder, v: Value, type: Narrow): boolean {
  const numbers = smallNumbers(v);
  if (numbers === undefined || dimsOf(v) === undefined) return false;
  const back = smallNumbers(widened(b, b.one('cast', [v], { to: type })));
  return back !== undefined && Array.from(numbers).every((x, i) => x === back[i] || Number.isNaN(x));
}
