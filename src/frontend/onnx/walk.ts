// Walks the nodes of a graph, of its bodies and of model-local functions in order and has each imported. What cannot be
// imported is recorded and its results are marked unavailable, so that everything unsupported is found in one go; what is
// wrong with the file ends the walk. Knows no operator.
import {
  badInput,
  type Diagnostic,
  EXIT,
  NeffcError,
  type Place,
  unsupported,
} from '../../base/diagnostic.js';
import type { GraphBuilder } from '../../ops/build.js';
import { NodeContext, type RuntimeLoop, type Subgraphs } from './context.js';
import { onExtents } from './extents.js';
import { calledFunction, type Functions, instantiate } from './functions.js';
import { type Item, isValue, UNAVAILABLE } from './items.js';
import { freeNames, type NodeList, neededInOrder, outputsOf } from './order.js';
import type { OnnxFunction, OnnxGraph, OnnxNode, OnnxTensor } from './proto/model.js';
import { Scope } from './scope.js';
import { findHandler, isKnownDomain } from './table.js';
import { densify, tensorConstant } from './tensors.js';

/** Depth of functions that call functions. */
const MAX_CALL_DEPTH = 50;
/** Nodes imported in all, bodies counted once an unrolled step and functions once a call. */
const MAX_NODES = 2_000_000;

/** What holds while nodes of one graph or function are walked. */
export interface Frame {
  readonly scope: Scope;
  readonly opsets: ReadonlyMap<string, number>;
  /** Calls that lead here: before the names of nodes. */
  readonly prefix: string;
  readonly depth: number;
  readonly watchLoop?: LoopWatcher;
}

/** Told of the first loop of the main graph that is decided at run time; ends the walk by throwing. */
export type LoopWatcher = (loop: RuntimeLoop, node: OnnxNode, scope: Scope) => never;

/** Thrown by a body whose results are unavailable, so that its node's are too. */
class BodyUnavailable extends Error {}

export class Walk {
  readonly builder: GraphBuilder;
  readonly failures: Diagnostic[] = [];
  private readonly file: string;
  private readonly functions: Functions;
  private readonly refusedOperators = new Map<string, Set<string>>();
  private readonly constants = new WeakMap<OnnxTensor, Item>();
  private steps = 0;

  constructor(builder: GraphBuilder, file: string, functions: Functions) {
    this.builder = builder;
    this.file = file;
    this.functions = functions;
  }

  /** Imports a graph whose inputs are bound in the frame's scope; its outputs. */
  graph(graph: OnnxGraph, frame: Frame): readonly Item[] {
    this.initializers(graph, frame.scope);
    return this.nodes(outputsOf(graph), frame);
  }

  /** Binds the graph's constants, but for names that are bound: inputs come first. */
  initializers(graph: OnnxGraph, scope: Scope): void {
    for (const [name, tensor] of graph.initializers)
      if (!scope.owns(name)) scope.bind(name, this.initializer(tensor, name), { file: this.file });
    for (const [name, tensor] of graph.sparseInitializers)
      if (!scope.owns(name)) scope.bind(name, this.builder.constant(densify(tensor)), { file: this.file });
  }

  /** Throws everything unsupported that was found; E4001 lists the operators there is no importer for. */
  throwFailures(): void {
    const operators = [...this.refusedOperators].map(
      ([operator, nodes]): Diagnostic => ({
        code: 'E4001',
        severity: 'error',
        message: `operator ${operator} is not supported: ${nodes.size === 1 ? 'node' : `${nodes.size} nodes`} ${listed([...nodes])}`,
        where: { file: this.file, node: [...nodes][0] ?? '' },
        hint: "'neffc ops' lists the operators that are; export the model without this one, or cut it off.",
      }),
    );
    const all = [...operators, ...this.failures];
    if (all.length > 0) throw new NeffcError(all, EXIT.unsupported);
  }

  private initializer(tensor: OnnxTensor, name: string): Item {
    const known = this.constants.get(tensor);
    if (known !== undefined) return known;
    const value = this.builder.constant(tensorConstant(tensor, name), name);
    this.constants.set(tensor, value);
    return value;
  }

  /** Imports nodes whose operands are bound in the frame's scope; what the result names stand for. */
  nodes(list: NodeList, frame: Frame): readonly Item[] {
    for (const node of neededInOrder(list, (n) => this.place(n, frame))) this.importNode(node, frame);
    return list.results.map((name) => {
      const item = frame.scope.find(name);
      if (item !== undefined) return item;
      throw badInput(
        'E3105',
        `nothing computes the output '${name}'`,
        { file: this.file },
        'Export the model again.',
      );
    });
  }

  private importNode(node: OnnxNode, frame: Frame): void {
    const where = this.place(node, frame);
    this.steps++;
    if (this.steps > MAX_NODES)
      throw unsupported(
        'E4005',
        `the model unrolls to more than ${MAX_NODES} nodes`,
        where,
        'Give shorter sequences or fewer iterations.',
      );
    const operands = node.inputs.map((name) => (name === '' ? undefined : this.find(name, frame, where)));
    const { origin } = this.builder;
    this.builder.origin = [{ node: where.node ?? '', op: node.opType, file: this.file }];
    const items = this.resultsOf(node, operands, frame, where);
    this.builder.origin = origin;
    for (const [i, name] of node.outputs.entries()) {
      if (name === '') continue;
      const item = items[i];
      if (item === undefined)
        throw badInput('E3101', `${node.opType} has no output ${i}`, where, 'Export the model again.');
      frame.scope.bind(name, item, where);
    }
  }

  private resultsOf(
    node: OnnxNode,
    operands: readonly (Item | undefined)[],
    frame: Frame,
    where: Place,
  ): readonly Item[] {
    const unavailable = node.outputs.map(() => UNAVAILABLE);
    const called = calledFunction(this.functions, node);
    if (called !== undefined) return this.call(called, node, operands, frame, where);
    const version = frame.opsets.get(node.domain) ?? 1;
    const handler = findHandler(node.domain, node.opType, version);
    if (handler === undefined) {
      this.refuseOperator(node, version, where);
      return unavailable;
    }
    if (operands.some((item) => item !== undefined && !isValue(item) && item.kind === 'unavailable'))
      return unavailable;
    try {
      if (operands.some(isText))
        throw unsupported('E4002', `${node.opType}: strings are not supported`, where);
      const context = new NodeContext(
        this.builder,
        node,
        version,
        operands,
        where,
        this.subgraphs(frame, node, where),
      );
      const result = onExtents(context) ?? handler(context);
      return Array.isArray(result) ? result : [result as Item];
    } catch (error) {
      if (error instanceof BodyUnavailable) return unavailable;
      if (!(error instanceof NeffcError) || error.exitCode !== EXIT.unsupported) throw error;
      this.failures.push(...error.diagnostics);
      return unavailable;
    }
  }

  private refuseOperator(node: OnnxNode, version: number, where: Place): void {
    const domain = node.domain === '' ? '' : `${node.domain}.`;
    const operator = isKnownDomain(node.domain)
      ? `${domain}${node.opType} (version ${version})`
      : `${domain}${node.opType}`;
    const nodes = this.refusedOperators.get(operator) ?? new Set();
    this.refusedOperators.set(operator, nodes.add(where.node ?? ''));
  }

  private call(
    f: OnnxFunction,
    node: OnnxNode,
    operands: readonly (Item | undefined)[],
    frame: Frame,
    where: Place,
  ): readonly Item[] {
    if (frame.depth >= MAX_CALL_DEPTH) {
      throw badInput(
        'E3106',
        `the function ${f.name} is called within ${MAX_CALL_DEPTH} others`,
        where,
        'Functions must not call themselves.',
      );
    }
    const scope = new Scope();
    for (const [i, name] of f.inputs.entries()) {
      const item = operands[i];
      if (item !== undefined) scope.bind(name, item, where);
    }
    const missing = f.attributes.find((name) => !node.attributes.has(name));
    if (missing !== undefined) throw badInput('E3102', `${f.name} lacks its attribute '${missing}'`, where);
    const optional = new Set(f.inputs.filter((_, i) => operands[i] === undefined));
    // An operand the caller leaves out is left out inside as well.
    const body = instantiate(f, node).map((inner) => ({
      ...inner,
      inputs: inner.inputs.map((name) => (optional.has(name) ? '' : name)),
    }));
    const inner: Frame = { scope, opsets: f.opsets, prefix: `${where.node}/`, depth: frame.depth + 1 };
    const wanted = f.outputs.filter((_, i) => (node.outputs[i] ?? '') !== '');
    const results = this.nodes({ nodes: body, results: wanted }, inner);
    return f.outputs.map((name) => results[wanted.indexOf(name)] ?? UNAVAILABLE);
  }

  private subgraphs(frame: Frame, node: OnnxNode, where: Place): Subgraphs {
    const { watchLoop } = frame;
    return {
      ...(watchLoop && { onRuntimeLoop: (loop: RuntimeLoop) => watchLoop(loop, node, frame.scope) }),
      captured: (bodies) => {
        const names = new Set(bodies.flatMap((body) => [...freeNames(body)]));
        return new Map([...names].map((name) => [name, this.find(name, frame, where)]));
      },
      run: (body, names) => {
        const scope = new Scope();
        for (const [name, item] of names) scope.bind(name, item, where);
        const { origin } = this.builder;
        const { opsets, prefix, depth } = frame;
        const results = this.graph(body, { scope, opsets, prefix, depth });
        this.builder.origin = origin;
        if (results.some((item) => !isValue(item) && item.kind === 'unavailable'))
          throw new BodyUnavailable();
        return results;
      },
    };
  }

  private find(name: string, { scope }: Frame, where: Place): Item {
    const item = scope.find(name);
    if (item !== undefined) return item;
    throw badInput(
      'E3105',
      `nothing computes the value '${name}'`,
      where,
      'The model is incomplete; export it again.',
    );
  }

  private place(node: OnnxNode, { prefix }: Frame): Place {
    const name =
      node.name !== '' ? node.name : `${node.opType} of ${node.outputs.find((o) => o !== '') ?? 'nothing'}`;
    return { file: this.file, node: `${prefix}${name}` };
  }
}

const isText = (item: Item | undefined): boolean => isValue(item) && item.type.dtype === 'string';

const LISTED = 12;
function listed(names: readonly string[]): string {
  const more = names.length - LISTED;
  const text = names
    .slice(0, LISTED)
    .map((name) => `'${name}'`)
    .join(', ');
  return more > 0 ? `${text} and ${more} more` : text;
}
