// The rewriter: passes change graphs only through it. One sweep in order rebuilds the graph; the visitor of a pass sees
// each node with its operands already rewritten and answers what its results shall be. Nodes that nothing changes are taken
// over as they are, new ones fold and simplify as the builder does, dead ones go. Linear in the nodes of the graph.
import { bug } from '../base/diagnostic.js';
import { type Graph, type Node, type Origin, producer, type Region, type Value } from '../ir/graph.js';
import { formatType, sameType, type TensorType } from '../ir/type.js';
import { GraphBuilder, mergeOrigins } from './build.js';

/**
 * What shall stand for the results of `node`: values of the same types (an integer may take the place of a symbolic dim);
 * undefined leaves the node. New nodes are made with `rw.builder`; they carry the origins of `node` and of all nodes that
 * lose their last use by it. A result without a name gets that of the value it stands for. `old` is the node in the graph
 * that is rewritten, for passes that have looked at that graph before.
 */
export type Visit = (node: Node, rw: Rewriter, old: Node) => readonly Value[] | undefined;

export interface RewriteOptions {
  /** Types that graph inputs get instead of their own (symbols bound to integers). */
  readonly inputType?: (input: Value) => TensorType;
}

/** The graph with every node replaced as `visit` says, regions included; the same object where nothing changed. */
export function rewriteGraph(graph: Graph, visit: Visit, options: RewriteOptions = {}): Graph {
  return new Rewriter(graph, visit).run(options);
}

export class Rewriter {
  readonly builder: GraphBuilder;
  private readonly graph: Graph;
  private readonly visit: Visit;
  private readonly firstNewId: number;
  private changed = false;
  /** Nodes that the current step left without use. */
  private died: Node[] = [];
  /** Value of the old graph -> value of the new one, where they differ. */
  private readonly replaced = new Map<Value, Value>();
  /** Uses by nodes that are alive, by nodes still to be visited, and as results. */
  private readonly useCounts = new Map<Value, number>();
  /** Uses in the old graph. */
  private readonly oldUses = new Map<Value, number>();

  constructor(graph: Graph, visit: Visit) {
    this.graph = graph;
    this.visit = visit;
    this.firstNewId = highestId(graph.body) + 1;
    this.builder = new GraphBuilder(graph.name, this.firstNewId);
  }

  /**
   * How often a value is used: by nodes of the new graph that are alive and by the nodes not visited yet, the one just
   * visited included. 1 means that the visited node is the only one.
   */
  uses(v: Value): number {
    return this.useCounts.get(v) ?? 0;
  }

  /** The node that makes the value, in the new graph. */
  producer(v: Value): Node | undefined {
    return producer(v);
  }

  /** The node behind the value where it has this operator and no other user. */
  soleProducer(v: Value, op: string): Node | undefined {
    const node = producer(v);
    return node?.op === op && this.uses(v) === 1 && node.outputs.length === 1 ? node : undefined;
  }

  run(options: RewriteOptions): Graph {
    const { body } = this.graph;
    this.countOld(body);
    const params = body.params.map((v) => {
      const type = options.inputType?.(v) ?? v.type;
      const same = sameType(type, v.type);
      const param = same ? v : { ...this.builder.param(type, v.name), id: v.id };
      if (!same) this.replace(v, param);
      this.retain(param, this.oldUses.get(v) ?? 0);
      return param;
    });
    const rebuilt = this.sweep(body, params);
    return this.changed ? { ...this.graph, body: rebuilt } : this.graph;
  }

  private countOld(region: Region): void {
    const use = (v: Value) => this.oldUses.set(v, (this.oldUses.get(v) ?? 0) + 1);
    for (const node of region.nodes) {
      node.inputs.forEach(use);
      for (const inner of node.regions) this.countOld(inner);
    }
    region.results.forEach(use);
  }

  private replace(from: Value, to: Value): void {
    this.replaced.set(from, to);
    this.changed = true;
  }

  private current(v: Value): Value {
    return this.replaced.get(v) ?? v;
  }

  /** Rebuilds the nodes of a region over its (new) parameters. */
  private sweep(region: Region, params: readonly Value[]): Region {
    const rebuilt = this.builder.regionOver(params, () => {
      for (const node of region.nodes) this.step(node);
      return region.results.map((v) => this.current(v));
    });
    const nodes = rebuilt.nodes.filter((node) => node.outputs.some((v) => this.uses(v) > 0));
    if (nodes.length !== region.nodes.length || nodes.some((node, i) => node !== region.nodes[i]))
      this.changed = true;
    return { ...rebuilt, nodes };
  }

  private step(old: Node): void {
    this.builder.origin = old.origins;
    this.died = [];
    const firstId = this.builder.nextFreeId;
    const firstNode = this.builder.made.length;
    const results = this.results(old);
    if (results.length !== old.outputs.length)
      throw bug(
        'E1253',
        `${old.op} has ${old.outputs.length} results, ${results.length} were given for them`,
      );
    for (const [i, from] of old.outputs.entries()) {
      const to = results[i] as Value;
      if (!refines(to.type, from.type))
        throw bug(
          'E1253',
          `a result of ${old.op}, ${formatType(from.type)}, was replaced by ${formatType(to.type)}`,
        );
      if (to !== from) this.replace(from, to);
      if (to.id >= firstId && to.name === '' && from.name !== '') Object.assign(to, { name: from.name });
      this.retain(to, this.oldUses.get(from) ?? 0);
    }
    for (const v of old.inputs) this.release(this.current(v));
    this.inheritOrigins(this.builder.made.slice(firstNode));
  }

  /** New nodes come from whatever their making left without use, too. */
  private inheritOrigins(made: readonly Node[]): void {
    for (const node of made) {
      if (node.id < this.firstNewId || node.outputs.every((v) => this.uses(v) === 0)) continue;
      const origins = this.died.reduce<readonly Origin[]>(
        (later, dead) => mergeOrigins(dead.origins, later),
        node.origins,
      );
      Object.assign(node, { origins });
    }
  }

  /** Values for the results of an old node. */
  private results(old: Node): readonly Value[] {
    const node = this.rebuild(old);
    if (!('op' in node)) return node;
    const answer = this.visit(node, this, old);
    if (answer === undefined) {
      // A rebuilt node is in the region's list already.
      if (node === old) this.builder.adopt(node);
      return node.outputs;
    }
    this.changed = true;
    return answer;
  }

  /** The node over current operands, or values it folded to. */
  private rebuild(old: Node): Node | readonly Value[] {
    const inputs = old.inputs.map((v) => this.current(v));
    const regions = old.regions.map((region) => this.rebuildRegion(region, old.inputs, inputs));
    const same = inputs.every((v, i) => v === old.inputs[i]) && regions.every((r, i) => r === old.regions[i]);
    if (same) return old;
    this.changed = true;
    this.builder.origin = old.origins;
    const results = this.builder.node(old.op, inputs, old.attrs, {
      regions,
      names: old.outputs.map((v) => v.name),
    });
    const [first] = results;
    const made = first && producer(first);
    return made !== undefined && this.builder.made.at(-1) === made && made.op === old.op ? made : results;
  }

  /**
   * Parameters of regions stand for the last operands. One of the operand's type goes on to have it; one of a more general
   * type (its dims change from iteration to iteration) keeps its own.
   */
  private rebuildRegion(region: Region, before: readonly Value[], inputs: readonly Value[]): Region {
    const from = inputs.length - region.params.length;
    const params = region.params.map((v, i) => {
      const alike = sameType(before[from + i]?.type ?? v.type, v.type);
      const type = alike ? (inputs[from + i]?.type ?? v.type) : v.type;
      const param = sameType(type, v.type) ? v : this.builder.param(type, v.name);
      if (param !== v) this.replace(v, param);
      this.retain(param, this.oldUses.get(v) ?? 0);
      return param;
    });
    const rebuilt = this.sweep(region, params);
    const same =
      params.every((v, i) => v === region.params[i]) &&
      rebuilt.nodes.length === region.nodes.length &&
      rebuilt.nodes.every((node, i) => node === region.nodes[i]) &&
      rebuilt.results.every((v, i) => v === region.results[i]);
    return same ? region : rebuilt;
  }

  /** Counts uses; a node whose first use this is uses its operands from now on. */
  private retain(value: Value, count: number): void {
    const pending: [Value, number][] = [[value, count]];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [v, n] = next;
      if (n === 0) continue;
      const node = producer(v);
      const woken = node?.outputs.every((o) => this.uses(o) === 0) ? node.inputs : [];
      this.useCounts.set(v, this.uses(v) + n);
      for (const input of woken) pending.push([input, 1]);
    }
  }

  /** Takes a use back; a node that nothing uses any more uses its operands no longer. */
  private release(value: Value): void {
    const pending: Value[] = [value];
    for (let v = pending.pop(); v !== undefined; v = pending.pop()) {
      const before = this.uses(v);
      if (before === 0) continue;
      this.useCounts.set(v, before - 1);
      const node = producer(v);
      if (before !== 1 || node === undefined || node.outputs.some((o) => this.uses(o) > 0)) continue;
      this.died.push(node);
      pending.push(...node.inputs);
    }
  }
}

/** Whether `a` is `b`, or what it becomes when symbols are bound to integers. */
function refines(a: TensorType, b: TensorType): boolean {
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((d, i) => d === b.shape[i] || typeof b.shape[i] !== 'number')
  );
}

/** Ids of values and nodes that a new graph may use begin above it. */
export function highestId(region: Region): number {
  let highest = -1;
  const see = (v: Value) => {
    highest = Math.max(highest, v.id);
  };
  region.params.forEach(see);
  region.results.forEach(see);
  for (const node of region.nodes) {
    highest = Math.max(highest, node.id, ...node.regions.map(highestId));
    node.inputs.forEach(see);
    node.outputs.forEach(see);
  }
  return highest;
}
