// Windows over three spatial axes as windows over two, which is what the engines have. A convolution takes the planes of its
// depth taps as more input channels; pooling goes over the planes first and over the depth then, since a maximum and an average
// of a box can be taken axis by axis.
import type { Attrs } from '../../ir/constant.js';
import type { Value } from '../../ir/graph.js';
import type { GraphBuilder } from '../../ops/build.js';
import { dimsOf, range } from '../match.js';
import type { Pass } from '../pass.js';
import { applyRules, type Rule } from '../rules.js';

const ints = (attrs: Attrs, name: string): readonly number[] => attrs[name] as readonly number[];
const reshape = (b: GraphBuilder, x: Value, ...shape: number[]): Value => b.one('reshape', [x], { shape });

/** Attributes of the window along the last two spatial axes. */
function planeAttrs(attrs: Attrs, names: readonly string[]): Attrs {
  return { ...attrs, ...Object.fromEntries(names.map((name) => [name, ints(attrs, name).slice(1)])) };
}

const WINDOW = ['strides', 'low', 'high', 'dilations'] as const;

const convolution: Rule = (node, rw) => {
  const b = rw.builder;
  const [x, w, ...rest] = node.inputs as readonly [Value, Value, ...Value[]];
  const [shape, taps, out] = [dimsOf(x), dimsOf(w), dimsOf(node.outputs[0])];
  if (shape?.length !== 5 || taps === undefined || out === undefined) return undefined;
  const [images, channels, , height, width] = shape as [number, number, number, number, number];
  const [filters, own, depthTaps, ...kernel] = taps as [number, number, number, number, number];
  const [, , depths, rows, columns] = out as [number, number, number, number, number];
  const groups = Number(node.attrs.groups);
  const planes = depthPlanes(b, x, node.attrs, depthTaps, depths, groups);
  const input = reshape(b, planes, images * depths, (channels / groups) * depthTaps * groups, height, width);
  const weights = reshape(
    b,
    b.one('transpose', [w], { perm: [0, 2, 1, 3, 4] }),
    filters,
    depthTaps * own,
    ...kernel,
  );
  const bias = node.attrs.bias === true ? rest.slice(0, 1) : [];
  const residual = node.attrs.residual === true ? [planesOf(b, rest.at(-1) as Value)] : [];
  const made = b.one('conv', [input, weights, ...bias, ...residual], planeAttrs(node.attrs, WINDOW));
  return b.one('transpose', [reshape(b, made, images, depths, filters, rows, columns)], {
    perm: [0, 2, 1, 3, 4],
  });
};

/** [images, channels, depth, …] as images of their own for each depth. */
function planesOf(b: GraphBuilder, x: Value): Value {
  const [images = 1, channels = 1, depth = 1, ...plane] = dimsOf(x) ?? [];
  return reshape(b, b.one('transpose', [x], { perm: [0, 2, 1, 3, 4] }), images * depth, channels, ...plane);
}

/** [images, output depths, groups, taps * channels of a group, height, width]: for each output depth the planes its taps meet. */
function depthPlanes(
  b: GraphBuilder,
  x: Value,
  attrs: Attrs,
  taps: number,
  depths: number,
  groups: number,
): Value {
  const [low = 0, high = 0] = [ints(attrs, 'low')[0], ints(attrs, 'high')[0]];
  const [stride = 1, dilation = 1] = [ints(attrs, 'strides')[0], ints(attrs, 'dilations')[0]];
  const [images = 1, channels = 1, , height = 1, width = 1] = dimsOf(x) ?? [];
  const border = (n: number): number[] => [0, 0, n, 0, 0];
  const padded = b.one('pad', [x], { low: border(low), high: border(high), mode: 'constant', value: 0 });
  const depth = dimsOf(padded)?.[2] ?? 1;
  const split = reshape(b, padded, images, groups, channels / groups, depth, height, width);
  const turned = b.one('transpose', [split], { perm: [0, 3, 1, 2, 4, 5] });
  const sizes = [images, depths, groups, channels / groups, height, width];
  const parts = range(taps).map((tap) =>
    b.one('slice', [turned], {
      starts: [0, tap * dilation, 0, 0, 0, 0],
      sizes,
      steps: [1, stride, 1, 1, 1, 1],
    }),
  );
  return b.one('concat', parts, { axis: 3 });
}

const pooling: Rule = (node, rw) => {
  const b = rw.builder;
  const shape = dimsOf(node.inputs[0]);
  const out = dimsOf(node.outputs[0]);
  if (shape?.length !== 5 || out === undefined) return undefined;
  const [images, channels, depth, ...plane] = shape as [number, number, number, number, number];
  const [, , , rows, columns] = out as [number, number, number, number, number];
  const names = ['kernel', ...WINDOW, ...(ints(node.attrs, 'uncounted')?.length ? ['uncounted'] : [])];
  const flat = reshape(b, node.inputs[0] as Value, images, channels * depth, ...plane);
  const overPlanes = b.one(node.op, [flat], planeAttrs(node.attrs, names));
  // One column for each place of the plane: the window runs along the depth only.
  const beside: Record<string, number> = {
    kernel: 1,
    strides: 1,
    low: 0,
    high: 0,
    dilations: 1,
    uncounted: 0,
  };
  const alongDepth = Object.fromEntries(
    names.map((name) => [name, [ints(node.attrs, name)[0] ?? 1, beside[name] ?? 0]]),
  );
  const columnsFirst = reshape(b, overPlanes, images, channels, depth, rows * columns);
  const overDepth = b.one(node.op, [columnsFirst], { ...node.attrs, ...alongDepth });
  return reshape(b, overDepth, ...out);
};

export const EXPAND_VOLUMES: Pass = {
  name: 'expand-volumes',
  theme: 'expand',
  level: 0,
  doc: 'Convolution and pooling over three spatial axes become those over two.',
  run: (graph, context) =>
    applyRules(graph, context, { conv: [convolution], max_pool: [pooling], avg_pool: [pooling] }),
};
