// The decoding loop of a TorchScript archive as a LoopSite. The frontend takes the loop apart; here only lists that get one
// more tensor an iteration are made one leaf each, their elements stacked along a new first axis, so that a list of tokens
// is a buffer that grows like any other.

import { Emitter } from '../../frontend/onnx/emit.js';
import type { TorchArchive } from '../../frontend/torchscript/archive/read.js';
import { openLoop, type LoopSite as TorchSite } from '../../frontend/torchscript/loop-site.js';
import type { Graph, Value } from '../../ir/graph.js';
import { staticShape, type TensorType, tensorType } from '../../ir/type.js';
import { applyGraph, buildGraph, type Named } from './graph-parts.js';
import type { LoopPart, LoopSite, LoopStep } from './loop-site.js';
import { loopNotUnderstood } from './refusals.js';
import type { ShapesByName } from './request.js';

/**
 * The first loop of `forward` that the importer cannot unroll; undefined where there is none.
 * @throws what importing throws; E4206 for a list whose elements have different types
 */
export function torchLoopSite(
  archive: TorchArchive,
  file: string,
  inputShapes: ShapesByName,
): LoopSite | undefined {
  const site = openLoop(archive, { file, inputShapes });
  return site === undefined ? undefined : new StackedSite(site, file);
}

/** A list that grows by one element an iteration. */
interface GrowingList {
  readonly name: string;
  /** Elements when the loop begins. */
  readonly first: number;
  readonly element: TensorType;
}

class StackedSite implements LoopSite {
  readonly file: string;
  readonly prologue: LoopPart;
  private readonly site: TorchSite;
  private readonly lists: readonly GrowingList[];
  private readonly steps = new Map<number, LoopStep>();

  constructor(site: TorchSite, file: string) {
    this.site = site;
    this.file = file;
    this.lists = growingLists(site);
    this.prologue = this.stackedStart(site.prologue);
  }

  step(t: number): LoopStep {
    const known = this.steps.get(t) ?? this.stackedStep(t);
    this.steps.set(t, known);
    return known;
  }

  epilogue(count: number): LoopPart {
    return this.overStacks(
      this.site.epilogue(count),
      (list) => list.first + count,
      () => [],
    );
  }

  /** The state at the head of the loop: the elements that lists begin with are results of their stacks only. */
  private stackedStart(part: LoopPart): LoopPart {
    const elementOf = (name: string): GrowingList | undefined =>
      this.lists.find((list) => indexIn(list, name) !== undefined);
    const kept = part.outputs.flatMap((name, i) => (elementOf(name) === undefined ? [i] : []));
    const outputs = [...this.lists.map(({ name }) => name), ...kept.map((i) => part.outputs[i] ?? '')];
    const graph = rebuilt(part.graph, part.graph.body.params, (e, given) => {
      const results = applyGraph(e.builder, part.graph, given);
      const stacks = this.lists.map((list) =>
        this.stack(e, list, (k) => results[part.outputs.indexOf(`${list.name}.${k}`)]),
      );
      const values = [...stacks, ...kept.map((i) => results[i] as Value)];
      return values.map((v, i) => [outputs[i] ?? '', v] as const);
    });
    return { graph, inputs: part.inputs, outputs };
  }

  private stack(e: Emitter, list: GrowingList, elementAt: (index: number) => Value | undefined): Value {
    const shape = staticShape(list.element) ?? [];
    if (list.first === 0) return e.filled(list.element.dtype, [0, ...shape], 0);
    const elements = Array.from({ length: list.first }, (_, k) => {
      const element = elementAt(k);
      if (element === undefined || staticShape(element.type)?.join() !== shape.join())
        throw this.uneven(list);
      return e.reshape(element, [1, ...shape]);
    });
    return e.concat(elements, 0);
  }

  private uneven({ name }: GrowingList): Error {
    return loopNotUnderstood(
      `the list '${name}' does not get one tensor of the same shape in each iteration`,
      { file: this.file },
      'Lists may grow by one tensor an iteration, such as the tokens chosen.',
    );
  }

  private stackedStep(t: number): LoopStep {
    const step = this.site.step(t);
    const { lists } = this;
    const isNew = (name: string) => lists.some((list) => name === `${list.name}.${list.first + t}`);
    const made = this.overStacks(
      step,
      (list) => list.first + t,
      (e, results, stacks) =>
        lists.map((list, i) => {
          const element = results[step.outputs.indexOf(`${list.name}.${list.first + t}`)];
          const shape = staticShape(list.element) ?? [];
          if (element === undefined || staticShape(element.type)?.join() !== shape.join())
            throw this.uneven(list);
          return [list.name, e.concat([stacks[i] as Value, e.reshape(element, [1, ...shape])], 0)] as const;
        }),
      isNew,
    );
    const carried = [...step.carried].filter((name) => made.inputs.includes(name));
    return { ...made, again: step.again, carried: new Set([...carried, ...lists.map(({ name }) => name)]) };
  }

  /** The part with a parameter for each stack in place of those for its elements; `isLeft` results are left out. */
  private overStacks(
    part: LoopPart,
    lengthOf: (list: GrowingList) => number,
    more: (
      e: Emitter,
      results: readonly Value[],
      stacks: readonly Value[],
    ) => readonly (readonly [string, Value])[],
    isLeft: (name: string) => boolean = () => false,
  ): LoopPart {
    const { lists } = this;
    const placeOf = (name: string) => {
      const list = lists.findIndex((one) => indexIn(one, name) !== undefined);
      const own = lists[list];
      return own === undefined ? undefined : { list, index: indexIn(own, name) ?? 0 };
    };
    const plain = part.inputs.flatMap((name, i) => (placeOf(name) === undefined ? [i] : []));
    const stackParams = lists.map(
      (list): Named => ({
        name: list.name,
        type: tensorType(list.element.dtype, [lengthOf(list), ...list.element.shape]),
      }),
    );
    const params = [...plain.map((i) => part.graph.body.params[i] as Value), ...stackParams];
    const outputs: string[] = [];
    const graph = rebuilt(part.graph, params, (e, given) => {
      const stacks = given.slice(plain.length);
      const args = part.inputs.map((name, i) => {
        const place = placeOf(name);
        const stack = place && stacks[place.list];
        return place === undefined || stack === undefined
          ? (given[plain.indexOf(i)] as Value)
          : e.pick(stack, 0, place.index);
      });
      const results = applyGraph(e.builder, part.graph, args);
      const kept = part.outputs.flatMap((name, i) =>
        isLeft(name) ? [] : [[name, results[i] as Value] as const],
      );
      const all = [...kept, ...more(e, results, stacks)];
      outputs.push(...all.map(([name]) => name));
      return all;
    });
    return { graph, inputs: params.map(({ name }) => name), outputs };
  }
}

function rebuilt(
  graph: Graph,
  params: readonly Named[],
  make: (e: Emitter, given: readonly Value[]) => readonly (readonly [string, Value])[],
): Graph {
  return buildGraph(
    graph.name,
    params.map(({ name, type }) => ({ name, type })),
    (b, given) => make(new Emitter(b), given),
  );
}

/** Lists that the first iteration gives an element that was not there before. */
function growingLists(site: TorchSite): readonly GrowingList[] {
  const { graph, outputs, again } = site.step(0);
  const before = new Set(site.prologue.outputs);
  return outputs.slice(again === 'computed' ? 1 : 0).flatMap((leaf, i): readonly GrowingList[] => {
    const [, name, index] = /^(.*)\.(\d+)$/.exec(leaf) ?? [];
    const value = graph.body.results[i + (again === 'computed' ? 1 : 0)];
    if (before.has(leaf) || name === undefined || value === undefined) return [];
    return [{ name, first: Number(index), element: value.type }];
  });
}

/** Which element of the list the leaf is; undefined where it is none. */
function indexIn({ name }: GrowingList, leaf: string): number | undefined {
  if (!leaf.startsWith(`${name}.`)) return undefined;
  const key = leaf.slice(name.length + 1);
  return /^\d+$/.test(key) ? Number(key) : undefined;
}
