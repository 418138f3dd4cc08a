// The decoding loop of a TorchScript archive as a LoopSite. The frontend takes the loop apart; here only lists that get one
// more tensor an iteration are made one leaf each, their elements one behind the other, so that a list of tokens is a buffer
// that grows like any other.

import { Emitter } from '../../frontend/onnx/emit.js';
import type { TorchArchive } from '../../frontend/torchscript/archive/read.js';
import {
  openLoop,
  type LoopSite as TorchSite,
  type LoopStep as TorchStep,
} from '../../frontend/torchscript/loop-site.js';
import type { Graph, Value } from '../../ir/graph.js';
import { sameType, staticShape, type TensorType, tensorType } from '../../ir/type.js';
import { possible } from './build-source.js';
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
  /** Whether a later iteration, or what is behind the loop, reads it. */
  readonly isRead: boolean;
}

/** Elements [N, 1] stand along their second axis, others along a new first one. */
const joinsColumns = ({ element: { shape } }: GrowingList): boolean => shape.length === 2 && shape[1] === 1;

function stackShape(list: GrowingList, length: number): readonly number[] {
  const shape = staticShape(list.element) ?? [];
  return joinsColumns(list) ? [shape[0] ?? 1, length] : [length, ...shape];
}

function joined(e: Emitter, list: GrowingList, parts: readonly Value[]): Value {
  return e.concat(parts, joinsColumns(list) ? 1 : 0);
}

/** An element as a stack of one. */
const asStack = (e: Emitter, list: GrowingList, element: Value): Value =>
  e.reshape(element, stackShape(list, 1));

function elementOf(e: Emitter, list: GrowingList, stack: Value, index: number): Value {
  const own = e.slice(stack, joinsColumns(list) ? 1 : 0, index, 1);
  return e.reshape(own, staticShape(list.element) ?? []);
}

class StackedSite implements LoopSite {
  readonly file: string;
  readonly prologue: LoopPart;
  private readonly site: TorchSite;
  private readonly lists: readonly GrowingList[];
  /** Lists that nothing reads. */
  private readonly unread: readonly GrowingList[];
  private readonly steps = new Map<number, LoopStep>();

  constructor(site: TorchSite, file: string) {
    this.site = site;
    this.file = file;
    const lists = growingLists(site);
    this.lists = lists.filter(({ isRead }) => isRead);
    this.unread = lists.filter(({ isRead }) => !isRead);
    this.prologue = this.stackedStart(site.prologue);
  }

  step(t: number): LoopStep {
    const known = this.steps.get(t) ?? this.stackedStep(t, this.site.step(t));
    this.steps.set(t, known);
    return known;
  }

  reshaped(t: number, leaf: string, shape: readonly number[]): LoopStep | undefined {
    return possible(() => this.stackedStep(t, this.site.reshaped(t, leaf, shape)));
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
    const isElement = (name: string) => this.lists.some((list) => indexIn(list, name) !== undefined);
    const kept = part.outputs.flatMap((name, i) => (isElement(name) ? [] : [i]));
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
    if (list.first === 0) return e.filled(list.element.dtype, stackShape(list, 0), 0);
    const elements = Array.from({ length: list.first }, (_, k) =>
      asStack(e, list, this.even(list, elementAt(k))),
    );
    return joined(e, list, elements);
  }

  private even(list: GrowingList, element: Value | undefined): Value {
    if (element !== undefined && sameType(element.type, list.element)) return element;
    throw loopNotUnderstood(
      `the list '${list.name}' does not get one tensor of the same shape in each iteration`,
      { file: this.file },
      'Lists may grow by one tensor an iteration, such as the tokens chosen.',
    );
  }

  private stackedStep(t: number, step: TorchStep): LoopStep {
    const { lists, unread } = this;
    const newest = (list: GrowingList) => `${list.name}.${list.first + t}`;
    const isNew = (name: string) => [...lists, ...unread].some((list) => name === newest(list));
    const made = this.overStacks(
      step,
      (list) => list.first + t,
      (e, results, stacks) =>
        lists.map((list, i) => {
          const element = this.even(list, results[step.outputs.indexOf(newest(list))]);
          return [list.name, joined(e, list, [stacks[i] as Value, asStack(e, list, element)])] as const;
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
      const at = lists.findIndex((one) => indexIn(one, name) !== undefined);
      const list = lists[at];
      return list === undefined ? undefined : { at, list, index: indexIn(list, name) ?? 0 };
    };
    const plain = part.inputs.flatMap((name, i) => (placeOf(name) === undefined ? [i] : []));
    const stackParams = lists.map(
      (list): Named => ({
        name: list.name,
        type: tensorType(list.element.dtype, stackShape(list, lengthOf(list))),
      }),
    );
    const params = [...plain.map((i) => part.graph.body.params[i] as Value), ...stackParams];
    const outputs: string[] = [];
    const graph = rebuilt(part.graph, params, (e, given) => {
      const stacks = given.slice(plain.length);
      const args = part.inputs.map((name, i) => {
        const place = placeOf(name);
        const stack = place && stacks[place.at];
        return place === undefined || stack === undefined
          ? (given[plain.indexOf(i)] as Value)
          : elementOf(e, place.list, stack, place.index);
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
  const readers = again === false ? [site.epilogue(1)] : [site.epilogue(1), site.step(1)];
  const read = new Set(readers.flatMap(({ inputs }) => inputs));
  const from = again === 'computed' ? 1 : 0;
  return outputs.slice(from).flatMap((leaf, i): readonly GrowingList[] => {
    const [, name, index] = /^(.*)\.(\d+)$/.exec(leaf) ?? [];
    const value = graph.body.results[from + i];
    if (before.has(leaf) || name === undefined || value === undefined) return [];
    return [{ name, first: Number(index), element: value.type, isRead: read.has(leaf) }];
  });
}

/** Which element of the list the leaf is; undefined where it is none. */
function indexIn({ name }: GrowingList, leaf: string): number | undefined {
  if (!leaf.startsWith(`${name}.`)) return undefined;
  const key = leaf.slice(name.length + 1);
  return /^\d+$/.test(key) ? Number(key) : undefined;
}
