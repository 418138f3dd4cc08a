// The builder of graphs: frontends, passes and tests make every node through it. A node it makes has complete attributes,
// passed the schema and has inferred types; operators over constants become constants at once; trivial uses become the
// value they equal. Values of an outer region reach an inner one only through captures.
import { badInput, type NeffcError } from '../base/diagnostic.js';
import type { DType } from '../base/dtype.js';
import { type Attrs, bytesConstant, type Constant } from '../ir/constant.js';
import {
  constantOf,
  type Graph,
  type Node,
  type Origin,
  producer,
  type Region,
  type Value,
} from '../ir/graph.js';
import { formatType, staticShape, type TensorType, tensorType } from '../ir/type.js';
import type { OpDecl } from './declare.js';
import { elementBytesOf } from './elements.js';
import { applyConstant } from './evaluate.js';
import { resolvedAttrs, simplerUse } from './identities.js';
import { completeAttrs, InferenceFailure, inferTypes, schemaProblems } from './infer.js';
import { declarationOf } from './table.js';

export interface NodeOptions {
  /** Instead of the builder's current origin. */
  readonly origin?: readonly Origin[];
  /** Name of the first result. */
  readonly name?: string;
  /** Names of the results. */
  readonly names?: readonly string[];
  readonly regions?: readonly Region[];
}

export class GraphBuilder {
  readonly name: string;
  /** Origins of the nodes made from here on. */
  origin: readonly Origin[] = [];
  private readonly params: Value[] = [];
  /** Nodes of the region being built; regions around it wait in the calls of `region`. */
  private nodes: Node[] = [];
  private nextId: number;

  /** `firstId` above the ids of values and nodes that the new graph takes over from another one. */
  constructor(name: string, firstId = 0) {
    this.name = name;
    this.nextId = firstId;
  }

  /** A model input, in order. */
  input(name: string, type: TensorType): Value {
    const value = this.param(type, name);
    this.params.push(value);
    return value;
  }

  constant(constant: Constant, name = ''): Value {
    const type = tensorType(constant.dtype, constant.shape);
    return { id: this.nextId++, name, type, def: { kind: 'constant', constant } };
  }

  /** A constant of rank 0. */
  scalar(dtype: DType, value: number | bigint): Value {
    return this.constant(bytesConstant(dtype, [], elementBytesOf(dtype, value)));
  }

  /** A vector of i64. */
  ints(values: readonly number[]): Value {
    const data = BigInt64Array.from(values, BigInt);
    return this.constant(bytesConstant('i64', [values.length], new Uint8Array(data.buffer)));
  }

  /**
   * Results of a use of an operator: those of a new node, or values they equal. E3230 where inference fails, E3231 where
   * operands or attributes are not what the operator declares, each naming the source node.
   */
  node(op: string, inputs: readonly Value[], attrs: Attrs = {}, options: NodeOptions = {}): readonly Value[] {
    const decl = declarationOf(op);
    const full = completeAttrs(decl, attrs);
    const origin = options.origin ?? this.origin;
    const types = this.infer(decl, full, inputs, options.regions ?? [], origin);
    const folded = fold(decl, full, inputs, types);
    if (folded !== undefined)
      return folded.map((c, i) =>
        this.constant(c, options.names?.[i] ?? (i === 0 ? options.name : undefined)),
      );
    const [type] = types;
    const simpler = type && types.length === 1 ? simplerUse(op, inputs, full, type) : undefined;
    if (simpler === undefined) {
      const resolved = type === undefined ? full : resolvedAttrs(op, full, type);
      return this.append(op, inputs, resolved, types, origin, options);
    }
    if ('value' in simpler) return [simpler.value];
    const origins = mergeOrigins(origin, producer(simpler.merged)?.origins ?? []);
    return this.node(simpler.op, simpler.inputs, simpler.attrs, { ...options, origin: origins });
  }

  /** `node` for operators with one result. */
  one(op: string, inputs: readonly Value[], attrs: Attrs = {}, options: NodeOptions = {}): Value {
    const [value, ...others] = this.node(op, inputs, attrs, options);
    if (value === undefined || others.length > 0)
      throw useError(
        'E3231',
        op,
        options.origin ?? this.origin,
        `it has ${others.length + 1} results, not one`,
      );
    return value;
  }

  /** A region over parameters of these types: `build` makes its nodes from them and returns its results. */
  region(types: readonly TensorType[], build: (params: readonly Value[]) => readonly Value[]): Region {
    return this.regionOver(
      types.map((type) => this.param(type, '')),
      build,
    );
  }

  /** `region` over parameters that exist (a rebuilt region keeps its own). */
  regionOver(params: readonly Value[], build: (params: readonly Value[]) => readonly Value[]): Region {
    const outer = this.nodes;
    this.nodes = [];
    try {
      const results = build(params);
      return { params, nodes: this.nodes, results };
    } finally {
      this.nodes = outer;
    }
  }

  /** A value that a region or the graph takes as parameter. */
  param(type: TensorType, name: string): Value {
    return { id: this.nextId++, name, type, def: { kind: 'param' } };
  }

  /** Nodes made so far in the region being built. */
  get made(): readonly Node[] {
    return this.nodes;
  }

  /** The least id that no value or node made here has. */
  get nextFreeId(): number {
    return this.nextId;
  }

  /** Takes over a node of another graph whose operands are values of this one. */
  adopt(node: Node): void {
    this.nodes.push(node);
  }

  finish(outputs: readonly Value[], names: readonly string[]): Graph {
    const body: Region = { params: this.params, nodes: this.nodes, results: outputs };
    return { name: this.name, body, outputNames: names };
  }

  private infer(
    decl: OpDecl,
    attrs: Attrs,
    inputs: readonly Value[],
    regions: readonly Region[],
    origin: readonly Origin[],
  ): readonly TensorType[] {
    const problems = schemaProblems(decl, attrs, inputs.length, regions.length);
    if (problems.length > 0) throw useError('E3231', decl.name, origin, problems.join('; '));
    try {
      const types = inferTypes(
        decl,
        attrs,
        inputs.map((v) => v.type),
        (i) => inputs[i] && constantOf(inputs[i]),
        regions,
      );
      for (const t of types) checkSize(t);
      return types;
    } catch (e) {
      if (e instanceof InferenceFailure) throw useError('E3230', decl.name, origin, e.message);
      throw e;
    }
  }

  private append(
    op: string,
    inputs: readonly Value[],
    attrs: Attrs,
    types: readonly TensorType[],
    origins: readonly Origin[],
    { name, names, regions = [] }: NodeOptions,
  ): readonly Value[] {
    const outputs: Value[] = [];
    const node: Node = { id: this.nextId++, op, attrs, inputs: [...inputs], outputs, regions, origins };
    for (const [index, type] of types.entries()) {
      const own = names?.[index] ?? (index === 0 ? name : undefined) ?? '';
      outputs.push({ id: this.nextId++, name: own, type, def: { kind: 'result', node, index } });
    }
    this.nodes.push(node);
    return outputs;
  }
}

/** Shapes whose elements cannot be counted exactly come from broken models; nobody behind here need think of them. */
function checkSize(t: TensorType): void {
  const shape = staticShape(t);
  if (shape !== undefined && !Number.isSafeInteger(shape.reduce((n, dim) => n * dim, 1)))
    throw new InferenceFailure(`a result of type ${formatType(t)} has too many elements`);
}

/** The results as constants where all operands are constants and the operator can be evaluated. */
function fold(
  decl: OpDecl,
  attrs: Attrs,
  inputs: readonly Value[],
  types: readonly TensorType[],
): readonly Constant[] | undefined {
  if (decl.evaluate === undefined) return undefined;
  const constants: Constant[] = [];
  for (const v of inputs) {
    const c = constantOf(v);
    // Bytes that are not at hand (see ir/parse.ts) cannot be computed with.
    if (c === undefined || c.recipe.kind === 'opaque') return undefined;
    constants.push(c);
  }
  if (types.some((t) => staticShape(t) === undefined)) return undefined;
  return applyConstant(decl.name, attrs, constants, types);
}

/** Both lists, each origin once. */
export function mergeOrigins(a: readonly Origin[], b: readonly Origin[]): readonly Origin[] {
  if (b.length === 0 || a === b) return a;
  if (a.length === 0) return b;
  const out = [...a];
  for (const o of b) {
    const known = out.some(
      (p) => p === o || (p.node === o.node && p.op === o.op && p.file === o.file && p.line === o.line),
    );
    if (!known) out.push(o);
  }
  return out;
}

function useError(code: string, op: string, origins: readonly Origin[], reason: string): NeffcError {
  const [first] = origins;
  const of = first?.op !== undefined && first.op !== op ? ` of ${first.op}` : '';
  const place = first && {
    node: first.node,
    ...(first.file !== undefined && { file: first.file }),
    ...(first.line !== undefined && { line: first.line }),
  };
  return badInput(code, `${first ? `node '${first.node}': ` : ''}${op}${of}: ${reason}`, place);
}
