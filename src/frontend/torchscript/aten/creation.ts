// Tensors made of nothing, of Python numbers, or like others; conversions of element type; numbers out of tensors.
import type { DType } from '../../../base/dtype.js';
import { isFloat } from '../../../base/dtype.js';
import { elementCount, fromNumbers } from '../../../base/tensor.js';
import { bytesConstant } from '../../../ir/constant.js';
import type { Value } from '../../../ir/graph.js';
import { TORCH_SCALAR_TYPES } from '../archive/torch-types.js';
import { bool, type Item, int, isConstant, NONE } from '../lower/items.js';
import type { Lowering, ScalarArg } from '../lower/lowering.js';
import type { TensorItem } from '../lower/tensor-item.js';
import { shapeOf } from '../lower/views.js';
import type { Args } from './bind.js';
import type { Family, Handler } from './declare.js';
import { commonType, promote, scalarDType } from './promote.js';

const OPTIONS = '*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None';
const LIKE = `${OPTIONS}, MemoryFormat? memory_format=None`;

const ZERO: ScalarArg = { kind: 'int', value: 0n };
const ONE: ScalarArg = { kind: 'int', value: 1n };

/** Of the size and type asked for, every element the same. */
const filled =
  (value: ScalarArg): Handler =>
  (c, a) =>
    c.filled(a.dtype('dtype') ?? 'f32', a.ints('size'), value);

const filledLike =
  (value: ScalarArg): Handler =>
  (c, a) => {
    const t = a.tensor('self');
    return c.filled(a.dtype('dtype') ?? t.dtype, t.shape, value);
  };

const newFilled =
  (value: ScalarArg): Handler =>
  (c, a) =>
    c.filled(a.dtype('dtype') ?? a.tensor('self').dtype, a.ints('size'), value);

/** Before version 5 of the format, `full` made floats of integers. */
function fullType(c: Lowering, s: ScalarArg, given: DType | undefined): DType {
  if (given !== undefined) return given;
  return c.version < 5 ? 'f32' : scalarDType(s);
}

/** A constant vector of numbers. */
export function vector(c: Lowering, dtype: DType, values: readonly number[]): Value {
  return c.builder.constant(
    bytesConstant(dtype, [values.length], fromNumbers(dtype, [values.length], values).data),
  );
}

function arange(c: Lowering, a: Args, start: number, step: number): Value {
  const names = ['start', 'end', 'step'].filter((name) => a.has(name));
  const scalars = names.map((name) => a.scalar(name));
  const anyFloat = scalars.some((s) => scalarDType(s) === 'f32');
  const dtype = a.dtype('dtype') ?? (anyFloat ? 'f32' : 'i64');
  const count = Math.max(0, Math.ceil((a.number('end') - start) / step));
  return vector(
    c,
    dtype,
    Array.from({ length: count }, (_, i) => start + i * step),
  );
}

function linspace(c: Lowering, a: Args): Value {
  const [start, end, steps] = [a.number('start'), a.number('end'), a.numberOr('steps') ?? 100];
  c.checkElements(steps);
  const dtype = a.dtype('dtype') ?? 'f32';
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  // From both ends, as PyTorch does, so that the last element is exact.
  const at = (i: number): number => (i < steps / 2 ? start + step * i : end - step * (steps - 1 - i));
  return vector(
    c,
    dtype,
    Array.from({ length: steps }, (_, i) => at(i)),
  );
}

function eye(c: Lowering, rows: number, columns: number, dtype: DType): Value {
  const row = c.one('iota', [], { shape: [rows, columns], axis: 0, dtype: 'i64' });
  const column = c.one('iota', [], { shape: [rows, columns], axis: 1, dtype: 'i64' });
  return c.cast(c.one('eq', [row, column]), dtype);
}

const random: Handler = (c) => {
  throw c.refuse(
    'E4321',
    'the model draws random numbers, which a compiled model does not do',
    'call eval() on the model before saving it, or pass the noise as an input',
  );
};

/** Numbers in nested lists. */
function flattenList(item: Item, into: Item[]): number[] {
  if (item.kind !== 'list') {
    into.push(item);
    return [];
  }
  const [first] = item.items;
  const inner = item.items.map((x) => flattenList(x, into));
  return [item.items.length, ...(first === undefined ? [] : (inner[0] ?? []))];
}

function tensorOf(c: Lowering, item: Item, given: DType | undefined): Value {
  if (item.kind === 'tensor') return c.cast(c.value(item), given ?? item.dtype);
  const flat: Item[] = [];
  const shape = flattenList(item, flat);
  if (item.kind === 'list' && elementCount(shape) !== flat.length)
    throw c.refuse('E4322', 'a tensor is made of lists of different lengths');
  const scalars = flat.map((x): ScalarArg | TensorItem => {
    if (isConstant(x) || x.kind === 'dynamic' || x.kind === 'tensor') return x;
    throw c.refuse('E4322', `a tensor is made of a ${x.kind}`);
  });
  const dtype =
    given ??
    (flat.length === 0
      ? 'f32'
      : scalars.map((s) => (s.kind === 'tensor' ? s.dtype : scalarDType(s))).reduce(commonType));
  if (scalars.every((s) => s.kind !== 'dynamic' && s.kind !== 'tensor')) {
    const numbers = scalars.map((s) =>
      s.kind === 'bool' ? Number(s.value) : (s as { value: number | bigint }).value,
    );
    return c.builder.constant(bytesConstant(dtype, shape, fromNumbers(dtype, shape, numbers).data));
  }
  const elements = scalars.map((s) =>
    c.reshape(s.kind === 'tensor' ? c.cast(c.value(s), dtype) : c.scalarValue(s, dtype), [1]),
  );
  return c.reshape(c.one('concat', elements, { axis: 0 }), shape);
}

/** The tensor itself where nothing changes and no copy is asked for. */
export function convert(
  c: Lowering,
  t: TensorItem,
  dtype: DType | undefined,
  copy: boolean,
): TensorItem | Value {
  if (dtype === undefined || dtype === t.dtype) return copy ? c.fresh(c.value(t)) : t;
  return c.cast(c.value(t), dtype);
}

const toType =
  (dtype: DType): Handler =>
  (c, a) =>
    convert(c, a.tensor('self'), dtype, false);

const to: Handler = (c, a) => convert(c, a.tensor('self'), a.dtype('dtype'), a.flag('copy'));

/** The number in a tensor of one element. */
const number =
  (type?: 'int' | 'float' | 'bool'): Handler =>
  (c, a) =>
    c.scalarOf(c.value(a.tensor('a')), type);

/** A Python number as a tensor of rank 0. */
function numberTensor(c: Lowering, s: ScalarArg): Value {
  return c.scalarValue(s, scalarDType(s));
}

export const CREATION: Family = {
  [`zeros(int[] size, ${OPTIONS})`]: filled(ZERO),
  [`ones(int[] size, ${OPTIONS})`]: filled(ONE),
  [`empty(int[] size, ${OPTIONS}, MemoryFormat? memory_format=None)`]: filled(ZERO),
  [`full(int[] size, Scalar fill_value, ${OPTIONS})`]: (c, a) =>
    c.filled(fullType(c, a.scalar('fill_value'), a.dtype('dtype')), a.ints('size'), a.scalar('fill_value')),
  [`zeros_like(Tensor self, ${LIKE})`]: filledLike(ZERO),
  [`ones_like(Tensor self, ${LIKE})`]: filledLike(ONE),
  [`empty_like(Tensor self, ${LIKE})`]: filledLike(ZERO),
  [`full_like(Tensor self, Scalar fill_value, ${LIKE})`]: (c, a) =>
    c.filled(a.dtype('dtype') ?? a.tensor('self').dtype, a.tensor('self').shape, a.scalar('fill_value')),
  [`new_zeros(Tensor self, int[] size, ${OPTIONS})`]: newFilled(ZERO),
  [`new_ones(Tensor self, int[] size, ${OPTIONS})`]: newFilled(ONE),
  [`new_empty(Tensor self, int[] size, ${OPTIONS})`]: newFilled(ZERO),
  [`new_full(Tensor self, int[] size, Scalar fill_value, ${OPTIONS})`]: (c, a) =>
    c.filled(a.dtype('dtype') ?? a.tensor('self').dtype, a.ints('size'), a.scalar('fill_value')),
  [`new_tensor(Tensor self, t data, ${OPTIONS})`]: (c, a) =>
    tensorOf(c, a.item('data'), a.dtype('dtype') ?? a.tensor('self').dtype),
  [`arange(Scalar end, ${OPTIONS})`]: (c, a) => arange(c, a, 0, 1),
  [`arange(Scalar start, Scalar end, ${OPTIONS})`]: (c, a) => arange(c, a, a.number('start'), 1),
  [`arange(Scalar start, Scalar end, Scalar step=1, ${OPTIONS})`]: (c, a) =>
    arange(c, a, a.number('start'), a.number('step')),
  [`linspace(Scalar start, Scalar end, int? steps=None, ${OPTIONS})`]: linspace,
  [`eye(int n, ${OPTIONS})`]: (c, a) => eye(c, a.number('n'), a.number('n'), a.dtype('dtype') ?? 'f32'),
  [`eye(int n, int m, ${OPTIONS})`]: (c, a) =>
    eye(c, a.number('n'), a.number('m'), a.dtype('dtype') ?? 'f32'),
  [`scalar_tensor(Scalar s, ${OPTIONS})`]: (c, a) => c.scalarValue(a.scalar('s'), a.dtype('dtype') ?? 'f32'),
  'tensor(t data, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False)': (c, a) =>
    tensorOf(c, a.item('data'), a.dtype('dtype')),
  'as_tensor(t data, *, ScalarType? dtype=None, Device? device=None)': (c, a) => {
    const item = a.item('data');
    return item.kind === 'tensor'
      ? convert(c, item, a.dtype('dtype'), false)
      : tensorOf(c, item, a.dtype('dtype'));
  },
  'fill(Tensor self, Scalar value)': (c, a) =>
    c.filled(a.tensor('self').dtype, a.tensor('self').shape, a.scalar('value')),
  'fill(Tensor self, Tensor value)': (c, a) => {
    const t = a.tensor('self');
    return c.broadcast(c.cast(c.value(a.tensor('value')), t.dtype), t.shape);
  },
  'zero(Tensor self)': (c, a) => c.filled(a.tensor('self').dtype, a.tensor('self').shape, ZERO),
  'copy(Tensor self, Tensor src, bool non_blocking=False)': (c, a) => {
    const t = a.tensor('self');
    return c.broadcast(c.cast(c.value(a.tensor('src')), t.dtype), t.shape);
  },
  'to(Tensor self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None)':
    to,
  'to(Tensor self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None)':
    to,
  'to(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None)':
    to,
  'to(Tensor self, Device? device, ScalarType? dtype=None, bool non_blocking=False, bool copy=False)': to,
  'to(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None)':
    (c, a) => convert(c, a.tensor('self'), a.tensor('other').dtype, a.flag('copy')),
  'to(Tensor self, bool non_blocking=False, bool copy=False)': (_c, a) => a.tensor('self'),
  'type_as(Tensor self, Tensor other)': (c, a) =>
    convert(c, a.tensor('self'), a.tensor('other').dtype, false),
  ...Object.fromEntries(
    [
      ['Long', 'i64'],
      ['Int', 'i32'],
      ['Short', 'i16'],
      ['Char', 'i8'],
      ['Byte', 'u8'],
      ['Half', 'f16'],
      ['Float', 'f32'],
      ['Double', 'f64'],
    ].map(([name, dtype]): [string, Handler] => [
      `_cast_${name}(Tensor self, bool non_blocking=False)`,
      toType(dtype as DType),
    ]),
  ),
  'cpu(Tensor self)': (_c, a) => a.tensor('self'),
  'cuda(Tensor self)': (_c, a) => a.tensor('self'),
  'item(Tensor a)': number(),
  'Int(Tensor a)': number('int'),
  'IntImplicit(Tensor a)': number('int'),
  'Float(Tensor a)': number('float'),
  'FloatImplicit(Tensor a)': number('float'),
  'Bool(Tensor a)': number('bool'),
  'ScalarImplicit(Tensor a)': number(),
  'is_nonzero(Tensor a)': number('bool'),
  'NumToTensor(Scalar a)': (c, a) => numberTensor(c, a.scalar('a')),
  'dtype(Tensor a)': (_c, a) => int(scalarTypeNumber(a.tensor('a').dtype)),
  'device(Tensor a)': () => ({ kind: 'device', name: 'cpu' }),
  'layout(Tensor a)': () => int(0),
  'shape(Tensor a)': (_c, a) => ({ kind: 'list', items: a.tensor('a').shape.map(int) }),
  'requires_grad(Tensor a)': () => bool(false),
  'grad(Tensor a)': () => NONE,
  'is_cuda(Tensor a)': () => bool(false),
  'is_cpu(Tensor a)': () => bool(true),
  'is_sparse(Tensor a)': () => bool(false),
  'is_mkldnn(Tensor a)': () => bool(false),
  'is_quantized(Tensor a)': (_c, a) => bool(a.tensor('a').quantizer !== undefined),
  'is_nested(Tensor a)': () => bool(false),
  'is_leaf(Tensor a)': () => bool(true),
  'is_contiguous(Tensor self)': () => bool(true),
  'is_same_size(Tensor self, Tensor other)': (_c, a) =>
    bool(String(a.tensor('self').shape) === String(a.tensor('other').shape)),
  'result_type(Tensor tensor, Tensor other)': (_c, a) =>
    int(scalarTypeNumber(promote([a.tensor('tensor'), a.tensor('other')]))),
  'promote_types(ScalarType type1, ScalarType type2)': (_c, a) =>
    int(scalarTypeNumber(commonType(a.dtype('type1') ?? 'f32', a.dtype('type2') ?? 'f32'))),
  'can_cast(ScalarType from_, ScalarType to)': (_c, a) =>
    bool(isFloat(a.dtype('to') ?? 'f32') || !isFloat(a.dtype('from_') ?? 'f32')),
  'allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False)': (c, a) => {
    const difference = c.one('abs', [c.one('sub', [c.value(a.tensor('self')), c.value(a.tensor('other'))])]);
    const bound = c.one('mul', [
      c.one('abs', [c.value(a.tensor('other'))]),
      c.constantF(difference.type.dtype, a.number('rtol')),
    ]);
    const near = c.one('le', [
      difference,
      c.one('add', [bound, c.constantF(difference.type.dtype, a.number('atol'))]),
    ]);
    return c.scalarOf(c.one('reduce_min', [near], { axes: shapeOf(near).map((_, i) => i), keep: false }));
  },
  ...Object.fromEntries(
    [
      'rand(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None)',
      'randn(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None)',
      `rand_like(Tensor self, ${LIKE})`,
      `randn_like(Tensor self, ${LIKE})`,
      'bernoulli(Tensor self, *, Generator? generator=None)',
      'bernoulli(Tensor self, float p, *, Generator? generator=None)',
      'multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None)',
      'normal(Tensor self, float mean=0, float std=1, *, Generator? generator=None)',
      'uniform(Tensor self, float from=0, float to=1, *, Generator? generator=None)',
    ].map((schema): [string, Handler] => [schema, random]),
  ),
};

/** The number under which serialized code passes an element type. */
export function scalarTypeNumber(dtype: DType): number {
  return TORCH_SCALAR_TYPES.find((t) => t.dtype === dtype && t.quantized !== true)?.id ?? 6;
}
