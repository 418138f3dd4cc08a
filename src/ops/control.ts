// Operators with regions. Their types follow from the regions', which the builder has made: inference checks that operands,
// parameters and results agree, and says how dims grow from one iteration to the next. No evaluators: folding does not run
// regions; passes unroll a loop or choose a branch where a constant decides it.
import { elementReader } from '../base/tensor.js';
import type { Constant } from '../ir/constant.js';
import { addDims, type Dim, multiplyDims, subtractDims, symbol } from '../ir/dim.js';
import { constantOf, type Region, type Value } from '../ir/graph.js';
import { formatType, type TensorType, tensorType } from '../ir/type.js';
import { dimsContradict, knownDim, shapesContradict } from './agreement.js';
import { intAttr, stringAttr } from './attributes.js';
import type { InferContext, OpDecl } from './declare.js';

type Fail = (reason: string) => never;

function contradict(a: TensorType, b: TensorType): boolean {
  return a.dtype !== b.dtype || shapesContradict(a.shape, b.shape);
}

function checkScalar(name: string, t: TensorType | undefined, dtype: 'bool' | 'i64', fail: Fail): void {
  if (t === undefined || t.dtype !== dtype || t.shape.length !== 0)
    fail(`${name} is ${t === undefined ? 'missing' : formatType(t)}, not a ${dtype} scalar`);
}

/** Checks that parameters take what they are given. */
function checkParams(what: string, params: readonly Value[], given: readonly TensorType[], fail: Fail): void {
  if (params.length !== given.length)
    fail(`${what} has ${params.length} parameters for ${given.length} values`);
  for (const [i, type] of given.entries()) {
    const param = params[i] as Value;
    if (contradict(param.type, type))
      fail(`parameter ${i} of ${what} is ${formatType(param.type)}, its value ${formatType(type)}`);
  }
}

const BRANCHES = ['the then branch', 'the else branch'] as const;

function inferIf({ inputs, regions }: InferContext, fail: Fail): readonly TensorType[] {
  const [condition, ...captures] = inputs;
  checkScalar('the condition', condition, 'bool', fail);
  const [yes, no] = regions as [Region, Region];
  checkParams(BRANCHES[0], yes.params, captures, fail);
  checkParams(BRANCHES[1], no.params, captures, fail);
  if (yes.results.length !== no.results.length)
    fail(`the branches have ${yes.results.length} and ${no.results.length} results`);
  return yes.results.map(({ type: a }, i) => {
    const b = (no.results[i] as Value).type;
    if (contradict(a, b))
      fail(`result ${i} is ${formatType(a)} in one branch and ${formatType(b)} in the other`);
    return tensorType(
      a.dtype,
      a.shape.map((dim, axis) => knownDim(dim, b.shape[axis] ?? dim)),
    );
  });
}

function inferLoop({ inputs, attrs, regions, constant }: InferContext, fail: Fail): readonly TensorType[] {
  const [trip, condition, ...rest] = inputs;
  const body = regions[0] as Region;
  const carried = intAttr(attrs, 'carried');
  const scans = intAttr(attrs, 'scans');
  checkScalar('the trip count', trip, 'i64', fail);
  checkScalar('the condition', condition, 'bool', fail);
  if (carried < 0 || carried > rest.length)
    fail(`${carried} carried values cannot be among ${rest.length} operands after the condition`);
  if (scans < 0 || body.results.length !== 1 + carried + scans)
    fail(
      `the body has ${body.results.length} results for a condition, ${carried} carried values and ${scans} scan outputs`,
    );
  checkScalar('the first parameter of the body', body.params[0]?.type, 'i64', fail);
  checkScalar('the second parameter of the body', body.params[1]?.type, 'bool', fail);
  checkScalar('the first result of the body', body.results[0]?.type, 'bool', fail);
  checkParams('the body, after iteration and condition,', body.params.slice(2), rest, fail);
  const trips = tripCount(body, constant(0), constant(1)) ?? symbol(stringAttr(attrs, 'trips'));
  return body.results.slice(1).map(({ type }, i) => {
    if (i >= carried) return tensorType(type.dtype, [trips, ...type.shape]);
    return carriedType(i, rest[i] as TensorType, (body.params[2 + i] as Value).type, type, trips, fail);
  });
}

/** How often a loop runs where constants say so: it must be known that the condition stays true. */
function tripCount(
  body: Region,
  trip: Constant | undefined,
  condition: Constant | undefined,
): Dim | undefined {
  const result = body.results[0] as Value;
  const stays = result === body.params[1] || scalarOf(constantOf(result)) === 1;
  const count = scalarOf(trip);
  if (count === undefined) return undefined;
  if (count <= 0 || scalarOf(condition) === 0) return 0;
  return stays && scalarOf(condition) === 1 ? count : undefined;
}

/** The value of a scalar constant whose bytes are at hand, as small ones' are. */
function scalarOf(c: Constant | undefined): number | undefined {
  const data = c?.cache ?? (c?.recipe.kind === 'splat' ? c.recipe.bytes : undefined);
  return c === undefined || data === undefined
    ? undefined
    : Number(elementReader({ dtype: c.dtype, data })(0));
}

/**
 * A carried value after the loop. A dim that each iteration leaves alone stays; one that grows by a fixed number has grown
 * by that times the trips; the body's parameter must then be symbolic there, since it stands for all iterations.
 */
function carriedType(
  i: number,
  initial: TensorType,
  param: TensorType,
  result: TensorType,
  trips: Dim,
  fail: Fail,
): TensorType {
  if (result.dtype !== param.dtype || result.shape.length !== param.shape.length)
    fail(
      `carried value ${i} goes into the body as ${formatType(param)} and comes out as ${formatType(result)}`,
    );
  const shape = param.shape.map((before, axis) => {
    const start = initial.shape[axis] as Dim;
    const after = result.shape[axis] as Dim;
    if (!dimsContradict(before, after)) return knownDim(start, before);
    if (typeof before === 'number')
      fail(
        `axis ${axis} of carried value ${i} has ${before} elements in the body's parameter and changes to another size`,
      );
    return addDims(start, multiplyDims(trips, subtractDims(after, before)));
  });
  return tensorType(param.dtype, shape);
}

export const CONTROL: readonly OpDecl[] = [
  {
    name: 'if',
    family: 'control',
    doc: 'Results of the then region where the condition is true, else of the else region. The other operands are what the regions capture: each region has one parameter for each.',
    operands: [{ name: 'condition' }, { name: 'captures', variadic: true }],
    attrs: {},
    regions: 2,
    infer: inferIf,
    tolerance: { relative: 0, absolute: 0 },
  },
  {
    name: 'loop',
    family: 'control',
    doc: 'Runs its region up to `trip` times while the condition is true. Parameters: iteration, condition, carried values, captures; results: condition, carried values, scan outputs. Gives the last carried values, then the scan outputs of all iterations stacked on a new first axis.',
    operands: [{ name: 'trip' }, { name: 'condition' }, { name: 'carried and captures', variadic: true }],
    attrs: {
      carried: { kind: 'int', doc: 'how many operands after the condition are carried; captures follow' },
      scans: { kind: 'int', doc: 'how many results of the region are stacked', default: 0 },
      trips: {
        kind: 'string',
        doc: 'symbol for the number of iterations done, where constants do not say it; another one for each loop',
        default: 'trips',
      },
    },
    regions: 1,
    infer: inferLoop,
    tolerance: { relative: 0, absolute: 0 },
  },
];
