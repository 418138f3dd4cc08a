// Operators that make tensors from nothing but attributes and shapes, and those that change the element type.

import { DTYPES, type DType, isFloat, isInteger } from '../../../base/dtype.js';
import { elementCount, type HostTensor, unpackElements, zeros } from '../../../base/tensor.js';
import { splatConstant } from '../../../ir/constant.js';
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { ELEMENT_TYPES } from '../proto/element-type.js';
import { densify, tensorConstant } from '../tensors.js';

/** The type an attribute names by its number. */
export function typeAttribute(c: NodeContext, name: string, fallback?: DType): DType {
  if (!c.attributes.has(name) && fallback !== undefined) return fallback;
  const number = c.attributes.int(name);
  const row = ELEMENT_TYPES[number];
  if (row === undefined) throw c.bad(`attribute '${name}' is ${number}, which is no element type`);
  return row.dtype;
}

const cast: Handler = (c) => castTo(c, c.input(0), typeAttribute(c, 'to'));

function castTo(c: NodeContext, x: Value, to: DType): Value {
  if (to === 'string') throw c.refuse('strings are not supported');
  // Integers of fewer than 8 bits wrap, from floats too: through i32, which the value is truncated to.
  const isNarrow = isInteger(to) && DTYPES[to].bits < 8 && isFloat(x.type.dtype);
  return c.cast(isNarrow ? c.cast(x, 'i32') : x, to, c.attributes.flag('saturate', true));
}

const bitCast: Handler = (c) => c.op('bitcast', [c.input(0)], { to: typeAttribute(c, 'to') });

/** Constant: the attribute that is there is the value. */
const constant: Handler = (c) => {
  const { attributes: a } = c;
  if (a.has('value')) return c.constant(tensorConstant(a.tensor('value'), c.node.outputs[0]));
  if (a.has('sparse_value')) {
    const attribute = c.node.attributes.get('sparse_value');
    if (attribute?.kind === 'sparse_tensor') return c.constant(densify(attribute.value));
  }
  if (a.has('value_float')) return c.scalar('f32', a.float('value_float'));
  if (a.has('value_int')) return c.scalar('i64', a.int('value_int'));
  if (a.has('value_floats')) {
    const values = a.floats('value_floats');
    return c.numbers('f32', [values.length], values);
  }
  if (a.has('value_ints')) return c.ints(a.ints('value_ints'));
  if (a.has('value_string') || a.has('value_strings')) {
    const strings = a.has('value_string') ? [a.string('value_string')] : a.strings('value_strings');
    const shape = a.has('value_string') ? [] : [strings.length];
    return c.tensor({ dtype: 'string', shape, data: new Uint8Array(0), strings });
  }
  throw c.bad('it has none of the attributes that hold a value');
};

const constantOfShape: Handler = (c) => {
  const shape = c.knownInts(0, 'the shape') ?? [];
  if (!c.attributes.has('value')) return c.filled('f32', shape, 0);
  const tensor = c.attributes.tensor('value');
  if (elementCount(tensor.shape) !== 1)
    throw c.bad(`'value' has shape [${tensor.shape}] and must have one element`);
  const element = unpackElements(tensor.dtype, tensor.data, 1);
  return c.constant(splatConstant(tensor.dtype, shape, element));
};

/** start, start + delta, … below limit; computed in the operands' type. */
const range: Handler = (c) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => c.known(c.input(i))?.[0]);
  if (start === undefined || limit === undefined || delta === undefined) throw c.unknown('the range');
  if (delta === 0) throw c.bad('the step is 0');
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const dtype = c.dtype(0);
  const values = c.table(count, (i) => start + i * delta);
  return c.numbers(dtype, [count], values);
};

const eyeLike: Handler = (c) => {
  const x = c.input(0);
  const [rows = 0, columns = 0] = c.shape(x);
  const offset = c.attributes.int('k', 0);
  const t: HostTensor = zeros('u8', [rows, columns]);
  for (let row = Math.max(0, -offset); row < rows && row + offset < columns; row++)
    t.data[row * columns + row + offset] = 1;
  return c.cast(c.tensor(t), typeAttribute(c, 'dtype', x.type.dtype));
};

const dropout: Handler = (c) => {
  const x = c.input(0);
  const training = c.version >= 12 && c.has(2) && (c.knownInts(2, 'training_mode')?.[0] ?? 0) !== 0;
  const ratio = training ? (c.has(1) ? (c.knownInts(1, 'the ratio')?.[0] ?? 0) : 0.5) : 0;
  if (ratio !== 0)
    throw c.refuse('it drops elements at random (training mode)', 'Export the model for inference.');
  // Until version 10 the mask has the type of the data.
  if (!c.wants(1)) return x;
  return [x, c.filled(c.version < 10 ? x.type.dtype : 'bool', c.shape(x), 1)];
};

export const CONSTANTS: HandlerTable = {
  BitCast: bitCast,
  Cast: cast,
  CastLike: (c) => castTo(c, c.input(0), c.dtype(1)),
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Dropout: dropout,
  EyeLike: eyeLike,
  Identity: (c) => c.item(0),
  Range: range,
};
