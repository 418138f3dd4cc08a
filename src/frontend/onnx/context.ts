// What the importer of one operator sees of its node: operands, attributes, the operator-set version, what is known at
// import; and the emitter that makes the core operators. Refusals name the node. An importer returns the node's results.
import { badInput, type NeffcError, type Place, unsupported } from '../../base/diagnostic.js';
import type { DType } from '../../base/dtype.js';
import { elementCount, type HostTensor } from '../../base/tensor.js';
import { dimText } from '../../ir/dim.js';
import { constantOf, type Value } from '../../ir/graph.js';
import { staticShape } from '../../ir/type.js';
import type { GraphBuilder } from '../../ops/build.js';
import { constantTensor } from '../../ops/evaluate.js';
import { Attributes } from './attributes.js';
import { Emitter } from './emit.js';
import { type Item, isValue } from './items.js';
import type { OnnxGraph, OnnxNode } from './proto/model.js';

/** Imports an operator: one result, or all of them in order (results at the end that nobody asked for may be left out). */
export type Handler = (c: NodeContext) => Item | readonly Item[];

/** One importer for all versions, or several, each from an operator-set version on. */
export type Versions = Handler | Readonly<Record<number, Handler>>;
export type HandlerTable = Readonly<Record<string, Versions>>;

/** A loop whose number of iterations is decided at run time. */
export interface RuntimeLoop {
  readonly body: OnnxGraph;
  readonly carried: readonly Value[];
  readonly scans: number;
  readonly trips: Value | undefined;
  readonly condition: Value | undefined;
  /** What the body reads from around it. */
  readonly captured: ReadonlyMap<string, Item>;
}

/** What importers of operators with bodies need of the walk. */
export interface Subgraphs {
  /** Told of a loop of the main graph before it is imported; may throw to end the walk there. */
  readonly onRuntimeLoop?: (loop: RuntimeLoop) => void;
  /** Names of the surrounding graphs that the body reads, and what they stand for. */
  captured(bodies: readonly OnnxGraph[]): ReadonlyMap<string, Item>;
  /** Imports a body into the region being built; `names` stand for inputs and captured names. */
  run(body: OnnxGraph, names: ReadonlyMap<string, Item>): readonly Item[];
}

/** Elements of the largest constant that an importer makes. */
const MOST_LISTED = 2 ** 26;

export class NodeContext extends Emitter {
  readonly node: OnnxNode;
  /** Version of the node's operator set. */
  readonly version: number;
  readonly operands: readonly (Item | undefined)[];
  readonly attributes: Attributes;
  readonly place: Place;
  readonly subgraphs: Subgraphs;

  constructor(
    builder: GraphBuilder,
    node: OnnxNode,
    version: number,
    operands: readonly (Item | undefined)[],
    place: Place,
    subgraphs: Subgraphs,
  ) {
    super(builder);
    this.node = node;
    this.version = version;
    this.operands = operands;
    this.attributes = new Attributes(node, place);
    this.place = place;
    this.subgraphs = subgraphs;
  }

  // ---- refusals ----

  /** The model contradicts the operator's specification. */
  bad(reason: string, hint?: string): NeffcError {
    return badInput('E3101', `${this.node.opType}: ${reason}`, this.place, hint);
  }
  /** The model is valid and asks for what cannot be compiled. */
  refuse(reason: string, hint?: string): NeffcError {
    return unsupported('E4002', `${this.node.opType}: ${reason}`, this.place, hint);
  }
  /** A value has to be known when the model is compiled and is not. */
  unknown(what: string): NeffcError {
    return unsupported(
      'E4003',
      `${this.node.opType}: ${what} is computed at run time and has to be known at compile time`,
      this.place,
      'Fix the shapes with --input-shape, or export the model with constant values there.',
    );
  }

  /** A count of elements that are listed at import: E4009 where there are too many, E3101 where it is none. */
  bounded(count: number): number {
    if (!Number.isInteger(count) || count < 0) throw this.bad(`${count} is no number of elements`);
    if (count <= MOST_LISTED) return count;
    throw unsupported(
      'E4009',
      `${this.node.opType}: a constant of ${count} elements is too large`,
      this.place,
      `At most ${MOST_LISTED} are made when a model is compiled.`,
    );
  }
  /** Numbers for a constant: zeros, or f(0), f(1), … */
  table(count: number, f?: (index: number) => number): Float64Array {
    const values = new Float64Array(this.bounded(count));
    if (f !== undefined) for (let i = 0; i < count; i++) values[i] = f(i);
    return values;
  }
  /** 0, 1, … as i64. */
  iota(count: number): Value {
    return this.op('iota', [], { shape: [this.bounded(count)], axis: 0, dtype: 'i64' });
  }

  // ---- operands ----

  has(index: number): boolean {
    return this.operands[index] !== undefined;
  }
  item(index: number): Item {
    const item = this.operands[index];
    if (item === undefined) throw this.bad(`input ${index} is missing`);
    return item;
  }
  input(index: number): Value {
    const item = this.item(index);
    if (isValue(item)) return item;
    if (item.kind === 'extents') throw this.unknown(`input ${index}, the dims (${item.dims.map(dimText)}),`);
    throw this.bad(
      `input ${index} is ${item.kind === 'sequence' ? 'a sequence' : 'an optional'}, not a tensor`,
    );
  }
  optional(index: number): Value | undefined {
    return this.has(index) ? this.input(index) : undefined;
  }
  /** All operands, at least one, none left out. */
  inputs(): readonly Value[] {
    if (this.operands.length === 0) throw this.bad('it has no operands');
    return this.operands.map((_, index) => this.input(index));
  }
  /** Whether somebody asked for the result. */
  wants(output: number): boolean {
    return (this.node.outputs[output] ?? '') !== '';
  }

  // ---- what is known ----

  /** The dims as numbers; E4004 where one is symbolic. */
  shape(x: Value): readonly number[] {
    const shape = staticShape(x.type);
    if (shape !== undefined) return shape;
    const dims = x.type.shape.map(dimText).join(',');
    throw unsupported(
      'E4004',
      `${this.node.opType}: the shape [${dims}] has to be known at compile time`,
      this.place,
      'Fix the dims with --input-shape.',
    );
  }
  size(x: Value): number {
    return elementCount(this.shape(x));
  }
  dim(x: Value, axis: number): number {
    const d = x.type.shape[axis];
    if (typeof d === 'number') return d;
    this.shape(x);
    throw this.bad(`the operand has no axis ${axis}`);
  }
  rank(x: Value): number {
    return x.type.shape.length;
  }
  /** 0 <= axis < rank. */
  axis(axis: number, rank: number): number {
    const resolved = axis < 0 ? axis + rank : axis;
    if (resolved < 0 || resolved >= rank) throw this.bad(`axis ${axis} is not within a rank of ${rank}`);
    return resolved;
  }
  axes(axes: readonly number[], rank: number): readonly number[] {
    return axes.map((axis) => this.axis(axis, rank));
  }
  axisAttribute(x: Value, fallback?: number, name = 'axis'): number {
    return this.axis(this.attributes.int(name, fallback), this.rank(x));
  }
  /** The constant behind an operand. */
  constantInput(index: number, what: string): HostTensor {
    const constant = constantOf(this.input(index));
    if (constant === undefined) throw this.unknown(what);
    return constantTensor(constant);
  }
  /** The elements of an operand that has to be known; undefined where it is left out. */
  knownInts(index: number, what: string): readonly number[] | undefined {
    const x = this.optional(index);
    if (x === undefined) return undefined;
    const values = this.known(x);
    if (values === undefined) throw this.unknown(what);
    return values;
  }
  /** A list that older operator sets have as attribute and newer ones as operand. */
  intsOf(attribute: string, index: number): readonly number[] | undefined {
    if (this.attributes.has(attribute)) return this.attributes.ints(attribute);
    return this.knownInts(index, `'${attribute}'`);
  }
  dtype(index: number): DType {
    return this.input(index).type.dtype;
  }
}
