// Random graphs from the samples of the operators: what is there is used on, so that chains, shared values, constants in every
// position and moves of moves come about. Only operators that are continuous where they are applied to computed floats, so
// that another order of rounding stays another order of rounding.
import { isFloat } from '../../src/base/dtype.js';
import { createRandom, type Random } from '../../src/base/random.js';
import { elementCount, type HostTensor } from '../../src/base/tensor.js';
import { bytesConstant } from '../../src/ir/constant.js';
import { constantOf, type Graph, type Value } from '../../src/ir/graph.js';
import { GraphBuilder } from '../../src/ops/build.js';
import type { OpDecl } from '../../src/ops/declare.js';
import { randomShape, randomTensor } from '../../src/ops/samples.js';
import { OPERATORS } from '../../src/ops/table.js';

export interface RandomGraph {
  readonly graph: Graph;
  readonly inputs: readonly HostTensor[];
}

/** Of one float, bounded slope, defined everywhere. */
const SMOOTH = [
  'neg',
  'abs',
  'relu',
  'sigmoid',
  'tanh',
  'silu',
  'gelu',
  'gelu_tanh',
  'softplus',
  'mish',
  'erf',
  'sin',
  'cos',
  'atan',
  'leaky_relu',
  'square',
];
const ARITHMETIC = ['add', 'sub', 'mul', 'max', 'min'];
/** Operators whose results jump, or leave the range, for values that rounding moves a little. */
const JUMPY = new Set([
  'floor',
  'ceil',
  'round',
  'trunc',
  'sign',
  'argmax',
  'argmin',
  'topk',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'isnan',
  'isinf',
  'mod',
  'fmod',
  'cast',
  'bitcast',
  'pow',
  'reduce_prod',
  'cumprod',
  'scatter_elements',
  'scatter_nd',
]);

class Maker {
  readonly b = new GraphBuilder('random');
  readonly inputs: HostTensor[] = [];
  private readonly random: Random;
  private readonly pool: Value[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  /** A model input, or a constant. */
  fresh(t: HostTensor, constant = this.random.chance(0.4)): Value {
    if (constant) return this.b.constant(bytesConstant(t.dtype, t.shape, t.data), '');
    this.inputs.push(t);
    const value = this.b.input(`x${this.inputs.length}`, t);
    this.pool.push(value);
    return value;
  }

  step(): void {
    const made = this.random.chance(0.35) ? this.sample() : this.onwards();
    for (const v of made) if (constantOf(v) === undefined) this.pool.push(v);
  }

  /** Any operator on its sample's operands, in whose place values of the pool come where they fit. */
  private sample(): readonly Value[] {
    const decl = this.random.pick<OpDecl>([...OPERATORS.values()].filter((d) => d.sample !== undefined));
    const sample = decl.sample?.(this.random);
    if (sample === undefined || sample.inputs.some((t) => isFloat(t.dtype) && t.dtype !== 'f32')) return [];
    const jumpy = JUMPY.has(decl.name) || decl.family === 'indexing';
    const operands = sample.inputs.map((t) => {
      const fits = this.pool.filter(
        (v) =>
          !jumpy && v.type.dtype === 'f32' && t.dtype === 'f32' && this.count(v) === elementCount(t.shape),
      );
      const computed =
        decl.family !== 'elementwise' || SMOOTH.includes(decl.name) || ARITHMETIC.includes(decl.name);
      if (fits.length === 0 || !computed) return this.fresh(t);
      return this.b.one('reshape', [this.random.pick(fits)], { shape: t.shape });
    });
    return this.b.node(decl.name, operands, sample.attrs);
  }

  /** An operator on a value of the pool. */
  private onwards(): readonly Value[] {
    const floats = this.pool.filter(
      (v) => v.type.dtype === 'f32' && this.count(v) > 0 && this.count(v) < 2000,
    );
    if (floats.length === 0)
      return [this.fresh(randomTensor(this.random, 'f32', randomShape(this.random, 2)), false)];
    const x = this.random.chance(0.6) ? (floats.at(-1) as Value) : this.random.pick(floats);
    return [
      this.random
        .pick([
          this.unary,
          this.unary,
          this.binary,
          this.binary,
          this.binary,
          this.move,
          this.move,
          this.product,
          this.reduction,
        ])
        .call(this, x),
    ];
  }

  private unary(x: Value): Value {
    return this.b.one(this.random.pick(SMOOTH), [x]);
  }

  private binary(x: Value): Value {
    const op = this.random.pick(ARITHMETIC);
    const other = this.random.pick([this.scalar, this.alongAxis, this.sameShape]).call(this, x);
    return this.b.one(op, this.random.chance(0.5) ? [x, other] : [other, x]);
  }

  private scalar(): Value {
    return this.b.scalar('f32', this.random.pick([0, 1, -1, 0.5, 2, 3, 0.1]));
  }

  private alongAxis(x: Value): Value {
    const shape = this.shape(x);
    const axis = this.random.integer(0, Math.max(0, shape.length - 1));
    return this.fresh(
      randomTensor(
        this.random,
        'f32',
        shape.map((d, i) => (i === axis ? d : 1)),
        -2,
        2,
      ),
      true,
    );
  }

  private sameShape(x: Value): Value {
    const same = this.pool.filter(
      (v) => v.type.dtype === 'f32' && this.shape(v).join() === this.shape(x).join(),
    );
    return same.length > 0 ? this.random.pick(same) : x;
  }

  private move(x: Value): Value {
    const { b, random } = this;
    const shape = this.shape(x);
    const rank = shape.length;
    if (rank === 0) return b.one('broadcast', [x], { shape: [2, 1] });
    const axis = random.integer(0, rank - 1);
    switch (random.integer(0, 5)) {
      case 0:
        return b.one('reshape', [x], { shape: random.chance(0.5) ? [elementCount(shape)] : [1, ...shape] });
      case 1:
        return b.one('transpose', [x], {
          perm: shape.map((_, i) => i).sort(() => random.integer(0, 1) * 2 - 1),
        });
      case 2: {
        const size = random.integer(1, shape[axis] ?? 1);
        const starts = shape.map((d, i) => (i === axis ? d - size : 0));
        return b.one('slice', [x], { starts, sizes: shape.with(axis, size), steps: shape.map(() => 1) });
      }
      case 3:
        return b.one('concat', [x, this.sameShape(x)], { axis });
      case 4: {
        const low = shape.map(() => random.integer(0, 1));
        return b.one('pad', [x], { low, high: shape.map(() => 0), mode: 'constant', value: 0 });
      }
      default:
        return b.one('broadcast', [x], { shape: [2, ...shape] });
    }
  }

  private product(x: Value): Value {
    const shape = this.shape(x);
    const k = shape.at(-1) ?? 1;
    if (shape.length < 2) return this.unary(x);
    return this.b.one('matmul', [
      x,
      this.fresh(randomTensor(this.random, 'f32', [k, this.random.integer(1, 5)], -1, 1), true),
    ]);
  }

  private reduction(x: Value): Value {
    const rank = this.shape(x).length;
    if (rank === 0) return this.unary(x);
    const axis = this.random.integer(0, rank - 1);
    const softmax = this.random.chance(0.4);
    if (softmax) return this.b.one('softmax', [x], { axis });
    return this.b.one(this.random.pick(['reduce_sum', 'reduce_mean', 'reduce_max']), [x], {
      axes: [axis],
      keep: this.random.chance(0.5),
    });
  }

  private shape(v: Value): number[] {
    return v.type.shape as number[];
  }

  private count(v: Value): number {
    return elementCount(this.shape(v));
  }

  finish(): RandomGraph {
    const used = new Set(this.b.made.flatMap((node) => node.inputs));
    const open = this.pool.filter((v) => !used.has(v) && v.def.kind === 'result');
    return {
      graph: this.b.finish(
        open,
        open.map((_, i) => `y${i}`),
      ),
      inputs: this.inputs,
    };
  }
}

/** A graph of about `size` nodes, and inputs for it. */
export function randomGraph(seed: number, size: number): RandomGraph {
  const maker = new Maker(createRandom(seed));
  for (let i = 0; i < size; i++) maker.step();
  return maker.finish();
}
