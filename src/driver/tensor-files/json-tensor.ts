// Tensors as JSON: nested arrays of numbers in row-major order, a bare number for rank 0. What JSON has no number for is a
// string: NaN, Infinity, -Infinity, and integers beyond 2^53. Complex elements are pairs [real, imaginary], bools 0 and 1
// (true and false are read too). Reading never guesses a type: it is the model's.
import { badInput, type NeffcError } from '../../base/diagnostic.js';
import { DTYPES, type DType, elementBytes } from '../../base/dtype.js';
import {
  elementReader,
  fromNumbers,
  type HostTensor,
  makeTensor,
  stringTensor,
  typedView,
} from '../../base/tensor.js';

export type JsonTensor = number | string | boolean | readonly JsonTensor[];

const NON_FINITE: Readonly<Record<string, number>> = { NaN: Number.NaN, Infinity, '-Infinity': -Infinity };
const MAX_RANK = 64;

/** A number as JSON can hold it. */
export function jsonNumber(value: number | bigint): number | string {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  const exact = value >= -Number.MAX_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return exact ? Number(value) : String(value);
}

/** The tensor as plain data for JSON.stringify. */
export function toJsonTensor(t: HostTensor): JsonTensor {
  const element = elementToJson(t);
  let next = 0;
  const build = (axis: number): JsonTensor =>
    axis === t.shape.length ? element(next++) : Array.from({ length: t.shape[axis]! }, () => build(axis + 1));
  return build(0);
}

function elementToJson(t: HostTensor): (index: number) => JsonTensor {
  if (t.dtype === 'string') return (index) => t.strings?.[index] ?? '';
  if (DTYPES[t.dtype].kind === 'complex') {
    const parts = typedView(t);
    return (index) => [jsonNumber(parts[2 * index]!), jsonNumber(parts[2 * index + 1]!)];
  }
  const read = elementReader(t);
  return (index) => jsonNumber(read(index));
}

/**
 * The tensor that nested arrays describe; the shape is theirs. `where` names the file or option in messages.
 * @throws E3616 ragged, too deep or an element that `dtype` cannot hold.
 */
export function fromJsonTensor(value: unknown, dtype: DType, where: string): HostTensor {
  const bad = (what: string): NeffcError =>
    badInput(
      'E3616',
      `the JSON is no ${dtype} tensor: ${what}`,
      { file: where },
      'give nested arrays of numbers',
    );
  const complex = DTYPES[dtype].kind === 'complex';
  const shape = shapeOf(value, complex, bad);
  const leaves: unknown[] = [];
  collect(value, complex ? [...shape, 2] : shape, 0, leaves, bad);
  if (dtype === 'string') {
    const odd = leaves.find((leaf) => typeof leaf !== 'string');
    if (odd !== undefined) throw bad(`${JSON.stringify(odd)} is no string`);
    return stringTensor(shape, leaves as string[]);
  }
  if (complex) {
    const parts = fromNumbers(
      dtype === 'c64' ? 'f32' : 'f64',
      [leaves.length],
      leaves.map((l) => toNumber(l, 'f64', bad)),
    );
    return makeTensor(dtype, shape, parts.data);
  }
  return fromNumbers(
    dtype,
    shape,
    leaves.map((leaf) => toNumber(leaf, dtype, bad)),
  );
}

type Bad = (what: string) => NeffcError;

/** The shape that the first elements have; `collect` checks all others against it. */
function shapeOf(value: unknown, complex: boolean, bad: Bad): number[] {
  const shape: number[] = [];
  for (let at = value; Array.isArray(at); at = at[0]) {
    shape.push(at.length);
    if (shape.length > MAX_RANK) throw bad(`it is nested deeper than ${MAX_RANK}`);
  }
  if (complex && shape.pop() !== 2) throw bad('its elements are no pairs [real, imaginary]');
  return shape;
}

function collect(value: unknown, shape: readonly number[], axis: number, leaves: unknown[], bad: Bad): void {
  if (axis === shape.length) {
    if (Array.isArray(value))
      throw bad(`it is ragged: element ${leaves.length} is an array, the first is not`);
    leaves.push(value);
    return;
  }
  if (!Array.isArray(value) || value.length !== shape[axis]) {
    const found = Array.isArray(value) ? `${value.length} elements` : JSON.stringify(value);
    throw bad(`it is ragged: axis ${axis} has ${shape[axis]} elements at first and ${found} further on`);
  }
  for (const part of value) collect(part, shape, axis + 1, leaves, bad);
}

function toNumber(leaf: unknown, dtype: DType, bad: Bad): number | bigint {
  const { kind, bits } = DTYPES[dtype];
  const refuse = () => bad(`${JSON.stringify(leaf)?.slice(0, 40)} is no value of it`);
  if (kind === 'bool') {
    if (leaf === true || leaf === false || leaf === 0 || leaf === 1) return Number(leaf);
    throw refuse();
  }
  if (kind === 'float') {
    const value = typeof leaf === 'string' ? NON_FINITE[leaf] : leaf;
    if (typeof value === 'number') return value;
    throw refuse();
  }
  const exact = Number.isSafeInteger(leaf) || (typeof leaf === 'string' && /^-?\d{1,20}$/.test(leaf));
  if (!exact) throw refuse();
  const value = BigInt(leaf as number | string);
  if (value !== (kind === 'int' ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value))) throw refuse();
  return elementBytes(dtype) === 8 ? value : Number(value);
}
