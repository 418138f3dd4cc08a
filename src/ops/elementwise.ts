// The elementwise family: unary and binary operators, casts, and `where`. What holds for all of them: operands broadcast as
// in numpy, an element of the result depends on one element of each operand, and so splats give splats.
import { elementBytes } from '../base/dtype.js';
import { type HostTensor, stringTensor, zeros } from '../base/tensor.js';
import { type TensorType, tensorType } from '../ir/type.js';
import { BINARY } from './binary.js';
import { CASTS } from './cast.js';
import { perResult } from './cost.js';
import type { OpDecl } from './declare.js';
import { broadcastTensor } from './move.js';
import { FLOATS, INTEGERS, narrowerShape, randomShape, randomTensor } from './samples.js';
import { broadcastAll } from './shape-math.js';
import { UNARY } from './unary.js';

function select(cond: Uint8Array, a: HostTensor, b: HostTensor): HostTensor {
  if (a.strings !== undefined) {
    const strings = a.strings.map((text, i) => (cond[i] === 0 ? (b.strings?.[i] ?? '') : text));
    return stringTensor(a.shape, strings);
  }
  const out = zeros(a.dtype, a.shape);
  const size = elementBytes(a.dtype);
  if (size === 4) {
    const words = new Uint32Array(out.data.buffer);
    const [x, y] = [a, b].map(({ data }) => {
      const aligned = data.byteOffset % 4 === 0 ? data : new Uint8Array(data);
      return new Uint32Array(aligned.buffer, aligned.byteOffset, words.length);
    }) as [Uint32Array, Uint32Array];
    for (let i = 0; i < words.length; i++) words[i] = cond[i] === 0 ? y[i]! : x[i]!;
    return out;
  }
  for (let i = 0; i < cond.length; i++) {
    const from = cond[i] === 0 ? b.data : a.data;
    for (let k = i * size; k < (i + 1) * size; k++) out.data[k] = from[k]!;
  }
  return out;
}

const where: OpDecl = {
  name: 'where',
  family: 'elementwise',
  doc: 'a where cond is true, else b.',
  operands: [{ name: 'cond' }, { name: 'a' }, { name: 'b' }],
  attrs: {},
  infer({ inputs }, fail) {
    const [cond, a, b] = inputs as readonly [TensorType, TensorType, TensorType];
    if (cond.dtype !== 'bool') fail(`its condition is ${cond.dtype}, not bool`);
    if (a.dtype !== b.dtype) fail(`operands are of different types, ${a.dtype} and ${b.dtype}`);
    return [tensorType(a.dtype, broadcastAll([cond.shape, a.shape, b.shape], fail))];
  },
  evaluate(inputs, _attrs, types) {
    const shape = types[0]?.shape as readonly number[];
    const [cond, a, b] = inputs.map((t) => broadcastTensor(t, shape));
    return cond && a && b ? [select(cond.data, a, b)] : [];
  },
  tolerance: { relative: 0, absolute: 0 },
  cost: perResult(1),
  sample(random) {
    const shape = randomShape(random);
    const dtype = random.pick([...FLOATS, ...INTEGERS]);
    const full = random.integer(0, 2);
    const of = (index: number) => (index === full ? shape : narrowerShape(random, shape));
    const cond = randomTensor(random, 'bool', of(0));
    return {
      inputs: [cond, randomTensor(random, dtype, of(1)), randomTensor(random, dtype, of(2))],
      attrs: {},
    };
  },
};

export const ELEMENTWISE: readonly OpDecl[] = [...UNARY, ...BINARY, ...CASTS, where];
