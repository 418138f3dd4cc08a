// Five small programs for tests of the backend, one of each kind that models are made of, and random ones.
import { createRandom, type Random } from '../../src/base/random.js';
import { bytesConstant } from '../../src/ir/constant.js';
import type { Graph, Value } from '../../src/ir/graph.js';
import { tensorType } from '../../src/ir/type.js';
import { GraphBuilder } from '../../src/ops/build.js';

/** Constants with values in a small range, the same for the same seed. */
function weights(b: GraphBuilder, random: Random): (...shape: number[]) => Value {
  return (...shape) => {
    const values = Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () =>
      random.between(-0.5, 0.5),
    );
    return b.constant(bytesConstant('f32', shape, new Uint8Array(values.buffer)));
  };
}

function convNet(): Graph {
  const b = new GraphBuilder('conv net');
  const w = weights(b, createRandom(1));
  const window = { strides: [1, 1], low: [1, 1], high: [1, 1], dilations: [1, 1], groups: 1, bias: true };
  const x = b.input('x', tensorType('f32', [1, 3, 12, 12]));
  const first = b.one('conv', [x, w(16, 3, 3, 3), w(16)], { ...window, act: 'relu' });
  const half = b.one('conv', [first, w(32, 16, 3, 3), w(32)], { ...window, strides: [2, 2], act: 'relu' });
  const same = b.one('conv', [half, w(32, 32, 3, 3), w(32), half], {
    ...window,
    residual: true,
    act: 'relu',
  });
  const mean = b.one('reduce_mean', [same], { axes: [2, 3] });
  return b.finish([b.one('matmul', [mean, w(32, 10), w(10)], { bias: true })], ['y']);
}

function transformerBlock(): Graph {
  const b = new GraphBuilder('transformer block');
  const w = weights(b, createRandom(2));
  const [length, width, heads] = [24, 64, 2];
  const x = b.input('x', tensorType('f32', [length, width]));
  const norm = (v: Value): Value =>
    b.one('layer_norm', [v, w(width), w(width)], { axis: 1, epsilon: 1e-5, scale: true, bias: true });
  const split = (v: Value, perm: number[]): Value =>
    b.one('transpose', [b.one('reshape', [v], { shape: [length, heads, width / heads] })], { perm });
  const h = norm(x);
  const q = split(b.one('matmul', [h, w(width, width)]), [1, 0, 2]);
  const k = split(b.one('matmul', [h, w(width, width)]), [1, 2, 0]);
  const v = split(b.one('matmul', [h, w(width, width)]), [1, 0, 2]);
  const scores = b.one('mul', [b.one('matmul', [q, k]), b.scalar('f32', 0.25)]);
  const mixed = b.one('matmul', [b.one('softmax', [scores], { axis: 2 }), v]);
  const joined = b.one('reshape', [b.one('transpose', [mixed], { perm: [1, 0, 2] })], {
    shape: [length, width],
  });
  const attended = b.one('add', [x, b.one('matmul', [joined, w(width, width)])]);
  const inner = b.one('matmul', [norm(attended), w(width, 2 * width), w(2 * width)], {
    bias: true,
    act: 'gelu',
  });
  return b.finish([b.one('add', [attended, b.one('matmul', [inner, w(2 * width, width)])])], ['y']);
}

function mlp(): Graph {
  const b = new GraphBuilder('mlp');
  const w = weights(b, createRandom(3));
  const x = b.input('x', tensorType('f32', [20, 200]));
  const h = b.one('matmul', [x, w(200, 300), w(300)], { bias: true, act: 'silu' });
  const y = b.one('matmul', [h, w(300, 40)]);
  return b.finish([b.one('softmax', [y], { axis: 1 }), h], ['y', 'h']);
}

function poolingNet(): Graph {
  const b = new GraphBuilder('pooling net');
  const w = weights(b, createRandom(4));
  const window = { kernel: [3, 3], strides: [2, 2], low: [1, 1], high: [1, 1], dilations: [1, 1] };
  const x = b.input('x', tensorType('f32', [2, 24, 14, 14]));
  const largest = b.one('max_pool', [x], window);
  const average = b.one('avg_pool', [largest], { ...window, include_pad: true });
  const deep = b.one('conv', [largest, w(24, 1, 3, 3), w(24)], {
    strides: [2, 2],
    low: [1, 1],
    high: [1, 1],
    dilations: [1, 1],
    groups: 24,
    bias: true,
    act: 'relu',
  });
  return b.finish([b.one('concat', [average, deep], { axis: 1 })], ['y']);
}

function gatherScatter(): Graph {
  const b = new GraphBuilder('gather and scatter');
  const w = weights(b, createRandom(5));
  const ids = b.input('ids', tensorType('i32', [6]));
  const rows = b.input('rows', tensorType('i32', [4, 1]));
  const x = b.input('x', tensorType('f32', [8, 32]));
  const embedded = b.one('gather', [w(50, 32), ids], { axis: 0 });
  const computed = b.one('mul', [x, x]);
  const picked = b.one('gather', [computed, ids], { axis: 0 });
  const updates = b.one('slice', [b.one('add', [embedded, picked])], {
    starts: [0, 0],
    sizes: [4, 32],
    steps: [1, 1],
  });
  return b.finish([b.one('scatter_nd', [computed, rows, updates], { reduction: 'none' })], ['y']);
}

export const PROGRAMS: Readonly<Record<string, () => Graph>> = {
  'conv net': convNet,
  'transformer block': transformerBlock,
  mlp,
  'pooling net': poolingNet,
  'gather and scatter': gatherScatter,
};

/** A graph of up to `size` operators that share operands at random: layouts, reuse of memory and engines mix. */
export function randomGraph(seed: number, size: number): Graph {
  const random = createRandom(seed);
  const b = new GraphBuilder(`random ${seed}`);
  const w = weights(b, random);
  const dim = (): number => random.pick([1, 3, 7, 16, 33, 64]);
  const pool: Value[] = [
    b.input('x0', tensorType('f32', [dim(), dim()])),
    b.input('x1', tensorType('f32', [dim(), dim(), dim()])),
  ];
  for (let i = 0; i < size; i++) {
    const x = random.pick(pool);
    const shape = x.type.shape.map(Number);
    const axis = random.integer(0, shape.length - 1);
    const made: (() => Value)[] = [
      () => b.one(random.pick(['relu', 'tanh', 'sigmoid', 'neg', 'abs']), [x]),
      () =>
        b.one(random.pick(['add', 'mul', 'max']), [
          x,
          random.pick(pool.filter((v) => `${v.type.shape}` === `${x.type.shape}`)),
        ]),
      () => b.one('add', [x, w(shape.at(-1) ?? 1)]),
      () => b.one('transpose', [x], { perm: shape.map((_, k) => (k + 1 + axis) % shape.length) }),
      () => b.one('softmax', [x], { axis }),
      () => b.one('matmul', [x, w(shape.at(-1) ?? 1, dim())]),
      () =>
        b.one(random.pick(['reduce_sum', 'reduce_mean', 'reduce_max']), [x], { axes: [axis], keep: true }),
      () => b.one('concat', [x, x], { axis }),
      () =>
        b.one('slice', [x], {
          starts: shape.map(() => 0),
          sizes: shape.map((d) => Math.ceil(d / 2)),
          steps: shape.map(() => 1),
        }),
    ];
    const next = random.pick(made)();
    const elements = next.type.shape.reduce<number>((n, d) => n * Number(d), 1);
    if (elements > 0 && elements <= 20_000) pool.push(next);
  }
  const results = pool.slice(2).slice(-2);
  return b.finish(
    results.length > 0 ? results : [b.one('relu', [pool[0] as Value])],
    ['y', 'z'].slice(0, Math.max(1, results.length)),
  );
}
