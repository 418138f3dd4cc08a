// An ONNX Loop as a LoopSite. Its body is set beside the graph around it, so that an iteration is a piece of one flat graph;
// each piece is imported at the shapes that the carried values have at its iteration. Carried values that follow from
// constants alone (counters) are constants of an iteration.
import { fromNumbers, type HostTensor } from '../../base/tensor.js';
import { Emitter } from '../../frontend/onnx/emit.js';
import { modelInputs } from '../../frontend/onnx/import.js';
import { bodiesOf } from '../../frontend/onnx/order.js';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../../frontend/onnx/proto/model.js';
import { constantOf, type Graph, type Value } from '../../ir/graph.js';
import { buildable } from './build-source.js';
import { applyGraph, buildGraph, named } from './graph-parts.js';
import type { LoopPart, LoopSite, LoopStep } from './loop-site.js';
import {
  fixedShape,
  flatten,
  knownNumber,
  type Moment,
  outerNames,
  sameMoment,
  straight,
  typed,
  typeEntry,
} from './onnx-loop-parts.js';
import { importPiece, portOf, tensorOf } from './onnx-source.js';
import { loopNotUnderstood } from './refusals.js';
import type { ShapedType } from './request.js';

export function onnxInputPorts(model: OnnxModel) {
  return modelInputs(model).map(portOf);
}

/** A carried value of the loop, or one that its iterations give row by row. */
interface Leaf {
  readonly name: string;
  /** Name in the body; none for scan outputs. */
  readonly input: string | undefined;
  readonly next: string;
  /** Name behind the loop. */
  readonly final: string;
}

/** The body imported at an iteration. */
interface Iteration {
  readonly graph: Graph;
  /** Next value of a carried leaf. */
  value(name: string): Value;
  /** Types of what scan outputs gather. */
  readonly rows: readonly ShapedType[];
  /** The state that it leads to. */
  moment(counters: ReadonlySet<string>): Moment;
}

/** @throws E4206 where the loop has another form than the specification's */
export function onnxLoopSite(
  model: OnnxModel,
  file: string,
  loop: OnnxNode,
  types: ReadonlyMap<string, ShapedType>,
): LoopSite {
  return new OnnxLoopSite(model, file, loop, types);
}

class OnnxLoopSite implements LoopSite {
  readonly file: string;
  readonly prologue: LoopPart;
  readonly maxTrips?: number;
  private readonly flat: OnnxModel;
  private readonly model: OnnxModel;
  private readonly body: OnnxGraph;
  private readonly inputs: readonly ({ readonly name: string } & ShapedType)[];
  private readonly carried: readonly Leaf[];
  private readonly scans: readonly Leaf[];
  private readonly context: readonly ({ readonly name: string } & ShapedType)[];
  /** What the body reads from around it and is known when compiling. */
  private readonly surroundings: ReadonlyMap<string, HostTensor>;
  private readonly moments: Moment[] = [];
  /** A moment belongs to one iteration. */
  private readonly iterations = new WeakMap<Moment, Iteration>();
  /** Types of a scan's rows. */
  private rows: readonly ShapedType[] = [];
  private counters: ReadonlySet<string> = new Set();

  constructor(model: OnnxModel, file: string, loop: OnnxNode, types: ReadonlyMap<string, ShapedType>) {
    this.file = file;
    this.model = model;
    const [body] = bodiesOf(loop);
    if (body === undefined) throw loopNotUnderstood('the Loop has no body', { file, node: loop.name });
    this.body = body;
    this.flat = flatten(model, loop, body, file);
    this.inputs = modelInputs(model).flatMap(({ name }) => {
      const type = types.get(name);
      return type === undefined ? [] : [{ name, ...type }];
    });
    const starts = loop.inputs.slice(2);
    this.carried = starts.map((_, i) => ({
      name: body.inputs[2 + i]?.name ?? '',
      input: body.inputs[2 + i]?.name,
      next: body.outputs[1 + i]?.name ?? '',
      final: loop.outputs[i] ?? '',
    }));
    this.scans = body.outputs.slice(1 + starts.length).map(({ name }, i) => ({
      name: `scan ${i}`,
      input: undefined,
      next: name,
      final: loop.outputs[starts.length + i] ?? '',
    }));
    const wanted = outerNames(body, model);
    const [trips, condition] = loop.inputs;
    const asked = [
      ...starts,
      ...wanted,
      ...[trips, condition].filter((name) => name !== undefined && name !== ''),
    ] as string[];
    const before = importPiece(model, file, { inputs: this.inputs, values: new Map(), outputs: asked });
    const resultNamed = (name: string | undefined): Value | undefined =>
      before.body.results[asked.indexOf(name ?? '')];
    const context = wanted.flatMap((name) => typed(name, resultNamed(name)));
    this.surroundings = new Map(
      wanted.flatMap((name) => {
        const constant = constantOf(resultNamed(name) as Value);
        return constant === undefined ? [] : [[name, tensorOf(constant)] as const];
      }),
    );
    this.context = context.filter(({ name }) => !this.surroundings.has(name));
    const limit = knownNumber(resultNamed(trips));
    if (limit !== undefined) this.maxTrips = limit;
    this.begin(starts.map((name) => resultNamed(name)));
    const contextNames = this.context.map(({ name }) => name);
    const scanStarts = this.scans.map((_, i) => this.rows[i]);
    const outputs = [
      ...this.carried.map(({ name }) => name),
      ...this.scans.map(({ name }) => name),
      ...contextNames,
    ];
    const graph = buildGraph(
      'prologue',
      this.inputs.map(({ name, dtype, shape }) => named(name, dtype, shape)),
      (b, params) => {
        const e = new Emitter(b);
        const results = applyGraph(b, before, params);
        const at = (name: string) => results[asked.indexOf(name)] as Value;
        const empty = scanStarts.map((row) => e.filled(row?.dtype ?? 'i64', [0, ...(row?.shape ?? [])], 0));
        const values = [...starts.map(at), ...empty, ...contextNames.map(at)];
        return values.map((v, i) => [outputs[i] ?? '', v] as const);
      },
    );
    this.prologue = { graph, inputs: this.inputs.map(({ name }) => name), outputs };
  }

  /** Which carried values are counters, and what all of them are at the first two iterations. */
  private begin(starts: readonly (Value | undefined)[]): void {
    const types = new Map(
      this.carried.flatMap(({ name }, i) => typed(name, starts[i]).map((t) => [name, t] as const)),
    );
    const constants = new Map(
      this.carried.flatMap(({ name }, i) => {
        const constant = starts[i] && constantOf(starts[i]);
        return constant === undefined ? [] : [[name, tensorOf(constant)] as const];
      }),
    );
    let known = constants;
    for (;;) {
      const next = this.iteration(0, { types, known });
      const still = new Map([...known].filter(([name]) => constantOf(next.value(name)) !== undefined));
      if (still.size < known.size) {
        known = still;
        continue;
      }
      this.counters = new Set(known.keys());
      this.moments.push({ types, known }, next.moment(this.counters));
      this.rows = next.rows;
      return;
    }
  }

  /** The body at an iteration, without what scan outputs gather. */
  private iteration(t: number, moment: Moment): Iteration {
    const made = this.iterations.get(moment) ?? this.importIteration(t, moment);
    this.iterations.set(moment, made);
    return made;
  }

  private importIteration(t: number, { types, known }: Moment): Iteration {
    const [counter, again] = this.body.inputs;
    const open = this.carried.filter(({ name }) => !known.has(name));
    const values = new Map<string, HostTensor>([...this.surroundings, ...known]);
    if (counter !== undefined) values.set(counter.name, fromNumbers('i64', fixedShape(counter.type), [t]));
    if (again !== undefined) values.set(again.name, fromNumbers('bool', fixedShape(again.type), [1]));
    const inputs = [...open.flatMap(({ name }) => typeEntry(name, types)), ...this.context];
    const outputs = this.body.outputs.map(({ name }) => name);
    const graph = importPiece(this.flat, this.file, { inputs, values, outputs });
    const resultOf = (name: string): Value => {
      const leaf = this.carried.findIndex((one) => one.name === name);
      return graph.body.results[1 + leaf] as Value;
    };
    return {
      graph,
      value: resultOf,
      rows: this.scans.flatMap((_, i) => typed('', graph.body.results[1 + this.carried.length + i])),
      moment: (counters: ReadonlySet<string>): Moment => ({
        types: new Map(
          this.carried.flatMap(({ name }) =>
            typed(name, resultOf(name)).map((type) => [name, type] as const),
          ),
        ),
        known: new Map(
          [...counters].flatMap((name) => {
            const constant = constantOf(resultOf(name));
            return constant === undefined ? [] : [[name, tensorOf(constant)] as const];
          }),
        ),
      }),
    };
  }

  /** What is carried into iteration t: along a straight line from the first two, where the iteration before agrees; else step by step. */
  private momentAt(t: number): Moment {
    const known = this.moments[t];
    if (known !== undefined) return known;
    const guess = (at: number) => straight(this.moments[0] as Moment, this.moments[1] as Moment, at);
    const before = this.moments[t - 1] ?? guess(t - 1);
    if (buildable(() => this.iteration(t - 1, before).graph) !== undefined) {
      const next = this.iteration(t - 1, before).moment(this.counters);
      if (sameMoment(next, guess(t))) {
        this.moments[t] = next;
        return next;
      }
    }
    for (let at = 2; at <= t; at++) {
      this.moments[at] ??= this.iteration(at - 1, this.moments[at - 1] as Moment).moment(this.counters);
    }
    return this.moments[t] as Moment;
  }

  step(t: number): LoopStep {
    return this.stepOf(t, this.momentAt(t));
  }

  reshaped(t: number, leaf: string, shape: readonly number[]): LoopStep | undefined {
    const moment = this.momentAt(t);
    const type = moment.types.get(leaf);
    if (type === undefined) return undefined;
    const changed = { ...moment, types: new Map([...moment.types, [leaf, { dtype: type.dtype, shape }]]) };
    return buildable(() => this.iteration(t, changed).graph) && this.stepOf(t, changed);
  }

  private stepOf(t: number, moment: Moment): LoopStep {
    const body = this.iteration(t, moment);
    const condition = body.graph.body.results[0];
    const again = knownNumber(condition);
    const leaves = this.carried.filter(({ name }) => !moment.known.has(name));
    const scanParams = this.scans.map(({ name }, i) =>
      named(name, this.rows[i]?.dtype ?? 'i64', [t, ...(this.rows[i]?.shape ?? [])]),
    );
    const params = [...body.graph.body.params.map((v) => ({ name: v.name, type: v.type })), ...scanParams];
    const outputs: string[] = [];
    const graph = buildGraph(body.graph.name, params, (b, given) => {
      const e = new Emitter(b);
      const results = applyGraph(b, body.graph, given);
      const made: [string, Value][] = [];
      if (again === undefined && results[0] !== undefined)
        made.push(['again', e.cast(e.reshape(results[0], []), 'bool')]);
      for (const [i, { name }] of this.carried.entries())
        if (leaves.some((leaf) => leaf.name === name)) made.push([name, results[1 + i] as Value]);
      for (const [i, { name }] of this.scans.entries()) {
        const row = results[1 + this.carried.length + i] as Value;
        made.push([
          name,
          e.concat([given[body.graph.body.params.length + i] as Value, e.unsqueeze(row, [0])], 0),
        ]);
      }
      for (const [name] of made) outputs.push(name);
      return made;
    });
    return {
      graph,
      inputs: params.map(({ name }) => name),
      outputs,
      again: again === undefined ? 'computed' : again !== 0,
      carried: new Set([...leaves, ...this.scans].map(({ name }) => name)),
    };
  }

  epilogue(count: number): LoopPart {
    const { types, known } = this.momentAt(count);
    const leaves = [...this.carried, ...this.scans].filter(({ final }) => final !== '');
    const values = new Map<string, HostTensor>();
    const inputs = leaves.flatMap((leaf) => {
      const constant = known.get(leaf.name);
      if (constant !== undefined) values.set(leaf.final, constant);
      const scan = this.rows[this.scans.indexOf(leaf)];
      const type =
        scan === undefined ? types.get(leaf.name) : { dtype: scan.dtype, shape: [count, ...scan.shape] };
      return constant !== undefined || type === undefined ? [] : [{ leaf, ...type, name: leaf.final }];
    });
    const outputs = this.model.graph.outputs.map(({ name }) => name);
    const graph = importPiece(this.model, this.file, {
      inputs: [...inputs, ...this.inputs],
      values,
      outputs,
    });
    return {
      graph,
      inputs: [...inputs.map(({ leaf }) => leaf.name), ...this.inputs.map(({ name }) => name)],
      outputs,
    };
  }
}
