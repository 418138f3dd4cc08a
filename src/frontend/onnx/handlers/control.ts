// If and Loop. What is decided at import is inlined or unrolled: a branch whose condition is known, iterations whose
// number is. The rest becomes core `if` and `loop`, whose regions get every value of the surrounding graph as a parameter.
import { unsupported } from '../../../base/diagnostic.js';
import type { DType } from '../../../base/dtype.js';
import { constantOf, type Node, type Region, type Value } from '../../../ir/graph.js';
import { formatType, sameType, tensorType } from '../../../ir/type.js';
import type { Handler, HandlerTable, NodeContext } from '../context.js';
import { type Item, isValue, mapValues, typesOf, valuesOf } from '../items.js';
import { countNodes } from '../order.js';
import type { OnnxGraph } from '../proto/model.js';

/** Loops are unrolled up to this many nodes; beyond, they stay loops. */
export const UNROLLED_NODES = 20_000;

type Names = ReadonlyMap<string, Item>;

interface Captures {
  readonly names: Names;
  /** Values of the surrounding graph that bodies read; constants need no way in. */
  readonly values: readonly Value[];
}

function capturesOf(c: NodeContext, bodies: readonly OnnxGraph[]): Captures {
  const names = c.subgraphs.captured(bodies);
  const values = [...new Set([...names.values()].flatMap(valuesOf))].filter(
    (v) => constantOf(v) === undefined,
  );
  return { names, values };
}

/** The names with each captured value replaced by the region's parameter for it. */
function inside(names: Names, values: readonly Value[], params: readonly Value[]): Map<string, Item> {
  const replaced = new Map(values.map((value, i) => [value, params[i] as Value]));
  return new Map([...names].map(([name, item]) => [name, mapValues(item, (v) => replaced.get(v) ?? v)]));
}

export function tensorsOnly(c: NodeContext, items: readonly Item[]): readonly Value[] {
  return items.map((item, i) => {
    if (isValue(item)) return item;
    throw c.refuse(
      `result ${i} of its body is of kind ${item.kind}, and whether it runs is decided at run time`,
    );
  });
}

/** Whether a region's nodes or results read a parameter. */
function readsParam(region: Region, param: Value): boolean {
  return region.results.includes(param) || region.nodes.some((node: Node) => node.inputs.includes(param));
}

/** The captures that a region reads, and the regions without parameters for the others (the first `fixed` stay). */
function withoutUnread(regions: readonly Region[], values: readonly Value[], fixed: number) {
  const isRead = values.map((_, i) => regions.some((r) => readsParam(r, r.params[fixed + i] as Value)));
  const read = (list: readonly Value[]) => list.filter((_, i) => isRead[i]);
  return {
    values: read(values),
    regions: regions.map((r) => ({
      ...r,
      params: [...r.params.slice(0, fixed), ...read(r.params.slice(fixed))],
    })),
  };
}

function scalarOf(c: NodeContext, x: Value, dtype: DType): Value {
  return c.cast(c.reshape(x, []), dtype);
}

const conditional: Handler = (c): readonly Item[] => {
  const branches = [c.attributes.graph('then_branch'), c.attributes.graph('else_branch')] as const;
  const decided = c.known(c.input(0))?.[0];
  if (decided !== undefined) {
    const branch = branches[decided !== 0 ? 0 : 1];
    return c.subgraphs.run(branch, c.subgraphs.captured([branch]));
  }
  const { names, values } = capturesOf(c, branches);
  const regions = branches.map((branch) =>
    c.builder.region(typesOf(values), (params) =>
      tensorsOnly(c, c.subgraphs.run(branch, inside(names, values, params))),
    ),
  );
  checkBranches(c, regions as [Region, Region]);
  const pruned = withoutUnread(regions, values, 0);
  const condition = scalarOf(c, c.input(0), 'bool');
  return c.builder.node('if', [condition, ...pruned.values], {}, { regions: pruned.regions });
};

function checkBranches(c: NodeContext, [yes, no]: readonly [Region, Region]): void {
  for (const [i, a] of yes.results.entries()) {
    const b = no.results[i];
    if (b !== undefined && !sameType(a.type, b.type) && a.type.shape.every((d) => typeof d === 'number'))
      throw c.refuse(
        `output ${i} is ${formatType(a.type)} in one branch and ${formatType(b.type)} in the other`,
      );
  }
}

// ---- loops ----

interface LoopParts {
  readonly body: OnnxGraph;
  readonly carried: readonly Item[];
  readonly scans: number;
}

const loop: Handler = (c): readonly Item[] => {
  const body = c.attributes.graph('body');
  const carried = c.operands.slice(2).map((_, i) => c.item(i + 2));
  const parts = { body, carried, scans: body.outputs.length - 1 - carried.length };
  if (body.inputs.length !== 2 + carried.length || parts.scans < 0)
    throw c.bad(
      `its body has ${body.inputs.length} inputs and ${body.outputs.length} outputs for ${carried.length} carried values`,
    );
  const trips = c.optional(0);
  const condition = c.optional(1);
  const count = trips === undefined ? Infinity : c.known(trips)?.[0];
  const first = condition === undefined ? 1 : c.known(condition)?.[0];
  if (first === 0 || count === 0) return withoutIterations(c, parts);
  const fits = count !== undefined && count * countNodes(body) <= UNROLLED_NODES;
  if (fits && first !== undefined) {
    const unrolled = unrollLoop(c, parts, count);
    if (unrolled !== undefined) return unrolled;
  }
  return coreLoop(c, parts, trips, condition);
};

function withoutIterations(c: NodeContext, { body, carried, scans }: LoopParts): readonly Item[] {
  const empty = Array.from({ length: scans }, (_, i) => {
    const type = body.outputs[1 + carried.length + i]?.type;
    const dims = type?.kind === 'tensor' ? type.dims : undefined;
    if (type?.kind !== 'tensor' || dims === undefined || !dims.every((d) => typeof d === 'number'))
      throw c.unknown(`the shape of scan output ${i}, of which there is no iteration,`);
    return c.filled(type.dtype ?? 'f32', [0, ...(dims as readonly number[])], 0);
  });
  return [...carried, ...empty];
}

/** Undefined where an iteration's condition is decided at run time. */
function unrollLoop(
  c: NodeContext,
  { body, carried, scans }: LoopParts,
  count: number,
): readonly Item[] | undefined {
  const { names } = capturesOf(c, [body]);
  let state = carried;
  const rows: Value[][] = Array.from({ length: scans }, () => []);
  let isDecided = true;
  // Built apart, so that nothing is left of it where it does not come to an end.
  const made = c.builder.region([], () => {
    for (let i = 0, goesOn = true; i < count && goesOn; i++) {
      const inputs: readonly Item[] = [c.scalar('i64', i), c.scalar('bool', 1), ...state];
      const bound = new Map([
        ...names,
        ...body.inputs.map((input, k) => [input.name, inputs[k] as Item] as const),
      ]);
      const [next, ...results] = c.subgraphs.run(body, bound);
      const decided = isValue(next) ? c.known(next)?.[0] : undefined;
      if (decided === undefined) {
        isDecided = false;
        return [];
      }
      goesOn = decided !== 0;
      state = results.slice(0, carried.length);
      for (const [k, row] of tensorsOnly(c, results.slice(carried.length)).entries()) rows[k]?.push(row);
    }
    return [];
  });
  if (!isDecided) return undefined;
  for (const node of made.nodes) c.builder.adopt(node);
  return [...state, ...rows.map((list) => stack(c, list))];
}

/** On a new first axis. */
export function stack(c: NodeContext, rows: readonly Value[], axis = 0): Value {
  return c.concat(
    rows.map((row) => c.unsqueeze(row, [axis])),
    axis,
  );
}

const MOST_TRIPS = Number.MAX_SAFE_INTEGER;

function coreLoop(
  c: NodeContext,
  { body, carried, scans }: LoopParts,
  trips: Value | undefined,
  condition: Value | undefined,
): readonly Item[] {
  const initial = tensorsOnly(c, carried);
  const { names, values } = capturesOf(c, [body]);
  c.subgraphs.onRuntimeLoop?.({ body, carried: initial, scans, trips, condition, captured: names });
  const types = [tensorType('i64', []), tensorType('bool', []), ...typesOf(initial), ...typesOf(values)];
  const region = c.builder.region(types, (params) => {
    const bound = inside(names, values, params.slice(2 + initial.length));
    for (const [i, input] of body.inputs.entries()) bound.set(input.name, params[i] as Value);
    const [next, ...results] = tensorsOnly(c, c.subgraphs.run(body, bound));
    if (next === undefined) throw c.bad('its body has no condition');
    return [scalarOf(c, next, 'bool'), ...results];
  });
  checkSteady(c, initial, region);
  const pruned = withoutUnread([region], values, 2 + initial.length);
  const start = condition === undefined ? c.scalar('bool', 1) : scalarOf(c, condition, 'bool');
  const count = trips === undefined ? c.scalar('i64', MOST_TRIPS) : scalarOf(c, trips, 'i64');
  const attrs = {
    carried: initial.length,
    scans,
    trips: `trips.${(c.place.node ?? '').replaceAll(/[^\w.]/g, '_')}`,
  };
  return c.builder.node('loop', [count, start, ...initial, ...pruned.values], attrs, {
    regions: pruned.regions,
  });
}

/** Nothing fixed holds a value that changes its shape: decoding loops, which may, are split (split-loop.ts). */
function checkSteady(c: NodeContext, initial: readonly Value[], region: Region): void {
  for (const [i, before] of initial.entries()) {
    const after = region.results[1 + i];
    if (after === undefined || sameType(before.type, after.type)) continue;
    throw unsupported(
      'E4008',
      `${c.node.opType}: carried value ${i} is ${formatType(before.type)} before an iteration and ${formatType(after.type)} after it`,
      c.place,
      'Compile it with --decode where it generates tokens; else keep the shapes of carried values.',
    );
  }
}

export const CONTROL: HandlerTable = {
  If: conditional,
  Loop: loop,
};
