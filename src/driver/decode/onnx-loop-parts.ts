// What a Loop of an ONNX file is made of: finding it, its body beside the graph around it, and the types and counters that
// are carried into its iterations.
import { fromNumbers, type HostTensor, toNumbers } from '../../base/tensor.js';
import { bodiesOf, freeNames } from '../../frontend/onnx/order.js';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../../frontend/onnx/proto/model.js';
import { constantOf, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import { tensorOf } from './onnx-source.js';
import { loopNotUnderstood } from './refusals.js';
import type { ShapedType } from './request.js';

const CHOOSES = new Set(['ArgMax', 'TopK']);

/** The first Loop whose body chooses a token. */
export function findDecodeLoop({ graph }: OnnxModel): OnnxNode | undefined {
  return graph.nodes.find(
    (node) => node.opType === 'Loop' && node.domain === '' && bodiesOf(node).some(choosesToken),
  );
}

function choosesToken(body: OnnxGraph): boolean {
  return body.nodes.some((node) => CHOOSES.has(node.opType) || bodiesOf(node).some(choosesToken));
}

/** What is carried into an iteration. */
export interface Moment {
  readonly types: ReadonlyMap<string, ShapedType>;
  readonly known: ReadonlyMap<string, HostTensor>;
}

export function typed(
  name: string,
  value: Value | undefined,
): readonly ({ readonly name: string } & ShapedType)[] {
  const shape = value === undefined ? undefined : staticShape(value.type);
  return value === undefined || shape === undefined ? [] : [{ name, dtype: value.type.dtype, shape }];
}

export function typeEntry(
  name: string,
  types: ReadonlyMap<string, ShapedType>,
): readonly ({ readonly name: string } & ShapedType)[] {
  const type = types.get(name);
  return type === undefined ? [] : [{ name, dtype: type.dtype, shape: type.shape }];
}

/** Some exporters give the counter and the condition one element of rank 1. */
export function fixedShape(type: OnnxGraph['inputs'][number]['type']): readonly number[] {
  return type?.kind === 'tensor' && type.dims?.length === 1 ? [1] : [];
}

export function knownNumber(v: Value | undefined): number | undefined {
  const constant = v && constantOf(v);
  return constant === undefined ? undefined : toNumbers(tensorOf(constant))[0];
}

/** The body's nodes beside those around the loop, as one graph. */
export function flatten(model: OnnxModel, loop: OnnxNode, body: OnnxGraph, file: string): OnnxModel {
  const { graph } = model;
  const outer = graph.nodes.filter((node) => node !== loop);
  const around = new Set([
    ...outer.flatMap((node) => node.outputs),
    ...graph.initializers.keys(),
    ...graph.inputs.map(({ name }) => name),
  ]);
  around.delete('');
  const own = [
    ...body.nodes.flatMap((node) => node.outputs),
    ...body.initializers.keys(),
    ...body.inputs.map(({ name }) => name),
  ];
  const twice = own.find((name) => around.has(name));
  if (twice !== undefined) {
    throw loopNotUnderstood(
      `the body of the Loop defines '${twice}' again, which is defined around it`,
      { file, node: loop.name },
      'Export the model again: names have to be unique.',
    );
  }
  const initializers = new Map([...graph.initializers, ...body.initializers]);
  const sparseInitializers = new Map([...graph.sparseInitializers, ...body.sparseInitializers]);
  return {
    ...model,
    graph: { ...graph, nodes: [...outer, ...body.nodes], initializers, sparseInitializers },
  };
}

/** What the body reads from around it, weights apart. */
export function outerNames(body: OnnxGraph, { graph }: OnnxModel): readonly string[] {
  const made = new Set([
    ...graph.nodes.flatMap((node) => node.outputs),
    ...graph.inputs.map(({ name }) => name),
  ]);
  return [...freeNames(body)].filter(
    (name) => made.has(name) && !graph.initializers.has(name) && !graph.sparseInitializers.has(name),
  );
}

export function straight(a: Moment, b: Moment, t: number): Moment {
  const along = (x: number, y: number): number => x + t * (y - x);
  const types = [...a.types].map(([name, { dtype, shape }]) => {
    const second = b.types.get(name)?.shape ?? shape;
    return [name, { dtype, shape: shape.map((dim, i) => along(dim, second[i] ?? dim)) }] as const;
  });
  const known = [...a.known].map(([name, x]) => {
    const [p, q] = [toNumbers(x), toNumbers(b.known.get(name) ?? x)];
    return [
      name,
      fromNumbers(
        x.dtype,
        x.shape,
        p.map((value, i) => along(value, q[i] ?? value)),
      ),
    ] as const;
  });
  return { types: new Map(types), known: new Map(known) };
}

export function sameMoment(a: Moment, b: Moment): boolean {
  const sameTypes = [...a.types].every(([name, { shape }]) =>
    shape.every((dim, i) => dim === b.types.get(name)?.shape[i]),
  );
  const sameValues = [...a.known].every(([name, x]) => {
    const other = b.known.get(name);
    return other !== undefined && toNumbers(x).every((value, i) => value === toNumbers(other)[i]);
  });
  return sameTypes && sameValues;
}
