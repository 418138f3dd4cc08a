// Operators of ai.onnx that move elements under shapes known at import: reshapes, transposes, concatenation, slices,
// blocks, triangles. Shape and Size become constants.

import { type Dim, multiplyDims } from '../../../ir/dim.js';
import type { Value } from '../../../ir/graph.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { type Cut, cut } from '../cut.js';
import { extentsOf, shapeOperand } from '../extents.js';

const shape: Handler = (c) => {
  const { shape: dims } = c.input(0).type;
  const bound = (name: string, fallback: number) => {
    const value = c.attributes.int(name, fallback);
    return Math.min(Math.max(value < 0 ? value + dims.length : value, 0), dims.length);
  };
  return extentsOf(c, dims.slice(bound('start', 0), bound('end', dims.length)), false);
};

const size: Handler = (c) => extentsOf(c, [c.input(0).type.shape.reduce(multiplyDims, 1)], true);

const reshape: Handler = (c) => {
  const x = c.input(0);
  const symbolic = shapeOperand(c, 1);
  if (symbolic !== undefined) return symbolicReshape(c, x, symbolic);
  const target = c.intsOf('shape', 1) ?? [];
  const keepsZero = c.attributes.flag('allowzero');
  if (target.filter((d) => d === -1).length > 1)
    throw c.bad(`the target shape [${target}] has more than one -1`);
  const entries = target.map((d, axis) => {
    if (d < -1) throw c.bad(`the target shape [${target}] has a negative dim`);
    if (d !== 0 || keepsZero) return d;
    if (axis >= c.rank(x))
      throw c.bad(`the target shape [${target}] takes over dim ${axis} of a rank of ${c.rank(x)}`);
    return c.dims(x)[axis] ?? 0;
  });
  return c.reshape(x, resolveRest(entries, x));
};

/** Symbols that are dims of the operand are taken over; one other dim may be what is left. */
function symbolicReshape(c: NodeContext, x: Value, target: readonly Dim[]): Value {
  const entries = target.map((d) => {
    if (typeof d === 'number') return d;
    const axis = x.type.shape.indexOf(d);
    return axis < 0 ? -1 : -2 - axis;
  });
  if (entries.filter((d) => d === -1).length > 1) throw c.unknown('more than one dim of the target shape');
  return c.reshape(x, entries);
}

/** -1 next to a dim of 0 stands for 0: the quotient that core reshape wants is not determined. */
function resolveRest(entries: readonly number[], x: Value): readonly number[] {
  const isEmpty = x.type.shape.includes(0) && entries.includes(0);
  return isEmpty ? entries.map((d) => (d === -1 ? 0 : d)) : entries;
}

const flatten: Handler = (c) => {
  const x = c.input(0);
  const rank = c.rank(x);
  const axis = c.attributes.int('axis', 1);
  return flattenAt(c, x, axis < 0 ? axis + rank : axis);
};

/** The axes before `axis` as one, and the others as one. */
export function flattenAt(c: NodeContext, x: Value, axis: number): Value {
  const dims = x.type.shape;
  if (axis === 0) return c.reshape(x, [1, -1]);
  if (dims.includes(0)) {
    const product = (part: typeof dims) =>
      part.reduce<number>((n, d) => n * (typeof d === 'number' ? d : 1), 1);
    return c.reshape(x, [product(dims.slice(0, axis)), product(dims.slice(axis))]);
  }
  const tail = dims.slice(axis).reduce(multiplyDims, 1);
  if (typeof tail === 'number') return c.reshape(x, [-1, tail]);
  const head = dims.slice(0, axis).reduce(multiplyDims, 1);
  if (typeof head === 'number') return c.reshape(x, [head, -1]);
  throw c.unknown(`the shape (${dims.length} axes, two of them symbolic)`);
}

const squeeze: Handler = (c) => {
  const x = c.input(0);
  const given = c.intsOf('axes', 1);
  const axes = given ? c.axes(given, c.rank(x)) : c.shape(x).flatMap((d, axis) => (d === 1 ? [axis] : []));
  const wrong = axes.find((axis) => x.type.shape[axis] !== 1);
  if (wrong !== undefined) throw c.bad(`axis ${wrong} does not have one element`);
  return c.squeeze(x, axes);
};

const unsqueeze: Handler = (c) => {
  const x = c.input(0);
  const given = c.intsOf('axes', 1);
  if (given === undefined) throw c.bad("it lacks its 'axes'");
  return c.unsqueeze(x, c.axes(given, c.rank(x) + given.length));
};

const transpose: Handler = (c) => {
  const x = c.input(0);
  const reversed = x.type.shape.map((_, axis) => axis).reverse();
  return c.transpose(x, c.attributes.ints('perm', reversed));
};

const expand: Handler = (c) => {
  const x = c.input(0);
  // A symbol is no number to repeat by: it has to be the operand's own dim, which 1 leaves as it is.
  const symbolic = shapeOperand(c, 1)?.map((d) => {
    if (typeof d === 'number') return d;
    if (x.type.shape.includes(d)) return 1;
    throw c.unknown('a dim of the target shape');
  });
  const target = symbolic ?? c.knownInts(1, 'the target shape') ?? [];
  const rank = Math.max(target.length, c.rank(x));
  const dims = Array.from({ length: rank }, (_, i) => {
    const own = x.type.shape[i - rank + c.rank(x)];
    const wanted = target[i - rank + target.length] ?? 1;
    return own === undefined || own === 1
      ? wanted
      : wanted === 1
        ? typeof own === 'number'
          ? own
          : -1
        : wanted;
  });
  return c.broadcast(x, dims);
};

const concat: Handler = (c) => {
  const values = c.inputs();
  return c.concat(values, c.axisAttribute(values[0] as Value, c.version < 4 ? 1 : undefined));
};

const split: Handler = (c) => {
  const x = c.input(0);
  const axis = c.axisAttribute(x, 0);
  const given = c.intsOf('split', 1);
  return c.split(
    x,
    axis,
    given ?? evenPieces(c, c.dim(x, axis), c.attributes.int('num_outputs', c.node.outputs.length)),
  );
};

/** All pieces of one size, the last one smaller where that does not come out. */
function evenPieces(c: NodeContext, total: number, count: number): readonly number[] {
  if (count !== c.node.outputs.length)
    throw c.bad(`it has ${c.node.outputs.length} outputs for ${count} pieces`);
  const each = Math.ceil(total / count);
  return Array.from({ length: c.bounded(count) }, (_, i) => Math.max(0, Math.min(each, total - i * each)));
}

const slice: Handler = (c) => {
  const x = c.input(0);
  const rank = c.rank(x);
  const old = c.version < 10;
  const starts = old ? c.attributes.ints('starts') : (c.knownInts(1, "'starts'") ?? []);
  const ends = old ? c.attributes.ints('ends') : (c.knownInts(2, "'ends'") ?? []);
  const given = old
    ? c.attributes.has('axes')
      ? c.attributes.ints('axes')
      : undefined
    : c.knownInts(3, "'axes'");
  const steps = (old ? undefined : c.knownInts(4, "'steps'")) ?? starts.map(() => 1);
  const axes = c.axes(given ?? starts.map((_, i) => i), rank);
  if (steps.includes(0)) throw c.bad('a step is 0');
  const cuts = x.type.shape.map((d, axis): Cut => {
    const i = axes.indexOf(axis);
    const [start = 0, end = 0, step = 1] = [starts[i], ends[i], steps[i]];
    if (i < 0) return { start: 0, size: -1, step: 1 };
    if (typeof d === 'number') return cut(d, start, end, step);
    // All of a symbolic dim, or a piece at its beginning, need not know it.
    if (start === 0 && step === 1 && end >= 2 ** 31 - 1) return { start: 0, size: -1, step: 1 };
    if (start >= 0 && end >= start && step === 1 && end < 2 ** 31 - 1)
      return { start, size: end - start, step };
    throw c.unknown(`the slice of axis ${axis}, whose dim is symbolic,`);
  });
  return c.op('slice', [x], {
    starts: cuts.map((k) => k.start),
    sizes: cuts.map((k) => k.size),
    steps: cuts.map((k) => k.step),
  });
};

const depthToSpace: Handler = (c) => {
  const x = c.input(0);
  const [n = 0, channels = 0, h = 0, w = 0] = c.shape(x);
  const b = c.attributes.int('blocksize');
  const depth = channels / (b * b);
  const apart =
    c.attributes.oneOf('mode', ['DCR', 'CRD'], 'DCR') === 'DCR'
      ? c.transpose(c.reshape(x, [n, b, b, depth, h, w]), [0, 3, 4, 1, 5, 2])
      : c.transpose(c.reshape(x, [n, depth, b, b, h, w]), [0, 1, 4, 2, 5, 3]);
  return c.reshape(apart, [n, depth, h * b, w * b]);
};

const spaceToDepth: Handler = (c) => {
  const x = c.input(0);
  const [n = 0, channels = 0, h = 0, w = 0] = c.shape(x);
  const b = c.attributes.int('blocksize');
  const apart = c.reshape(x, [n, channels, h / b, b, w / b, b]);
  const order =
    c.attributes.oneOf('mode', ['DCR', 'CRD'], 'DCR') === 'DCR' ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4];
  return c.reshape(c.transpose(apart, order), [n, channels * b * b, h / b, w / b]);
};

/** Keeps the part on one side of a diagonal, zeros for the rest. */
const trilu: Handler = (c) => {
  const x = c.input(0);
  const [rows = 0, columns = 0] = c.shape(x).slice(-2);
  const difference = c.table(rows * columns, (i) => (i % columns) - Math.floor(i / columns));
  const diagonal = c.optional(1);
  const k = diagonal === undefined ? c.scalar('i64', 0) : c.reshape(diagonal, []);
  const op = c.attributes.flag('upper', true) ? 'ge' : 'le';
  return c.where(c.op(op, [c.numbers('i64', [rows, columns], difference), k]), x, c.like(x, 0));
};

export const SHAPE: HandlerTable = {
  Concat: concat,
  DepthToSpace: depthToSpace,
  Expand: expand,
  Flatten: flatten,
  Reshape: reshape,
  Shape: shape,
  Size: size,
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  Transpose: transpose,
  Trilu: trilu,
  Unsqueeze: unsqueeze,
};
