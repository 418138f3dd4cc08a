// Every operator that TorchScript programs may call, by name with its overloads: the one list from which calls are lowered
// and `neffc ops --frontend torchscript` is printed. In-place forms (`relu_`) need no entry: they are the operator, followed
// by a write to their first argument.
import { ACTIVATIONS } from './activations.js';
import { ARITHMETIC } from './arithmetic.js';
import { ATTENTION } from './attention.js';
import { CONTAINERS } from './containers.js';
import { CONVOLUTION } from './convolution.js';
import { CREATION } from './creation.js';
import type { Family, Handler } from './declare.js';
import { INDEXING } from './indexing.js';
import { LINEAR } from './linear.js';
import { NORMALIZATION } from './normalization.js';
import { PACKING, PREPACKED } from './packed.js';
import { POOLING } from './pooling.js';
import { QUANTIZATION, QUANTIZED } from './quantized.js';
import { QUANTIZED_ACTIVATIONS } from './quantized-activations.js';
import { QUANTIZED_CELLS, QUANTIZED_LAYERS } from './quantized-recurrent.js';
import { REARRANGE } from './rearrange.js';
import { RECURRENT } from './recurrent.js';
import { REDUCTIONS } from './reductions.js';
import { RESIZE } from './resize.js';
import { SAMPLING } from './sampling.js';
import { SCALARS } from './scalars.js';
import { parseSchema, type Schema } from './schema.js';
import { SHAPES } from './shapes.js';

export interface Overload {
  readonly schema: Schema;
  readonly handler: Handler;
}

/** Families by namespace. Within one, overloads are tried in this order. */
const FAMILIES: readonly (readonly [string, Family])[] = [
  ['aten', CONVOLUTION],
  ['aten', LINEAR],
  ['aten', ARITHMETIC],
  ['aten', ACTIVATIONS],
  ['aten', NORMALIZATION],
  ['aten', POOLING],
  ['aten', REDUCTIONS],
  ['aten', SHAPES],
  ['aten', REARRANGE],
  ['aten', INDEXING],
  ['aten', CREATION],
  ['aten', RESIZE],
  ['aten', SAMPLING],
  ['aten', ATTENTION],
  ['aten', RECURRENT],
  ['aten', QUANTIZATION],
  ['aten', SCALARS],
  ['aten', CONTAINERS],
  ['aten', QUANTIZED_LAYERS],
  ['quantized', QUANTIZED],
  ['quantized', QUANTIZED_ACTIVATIONS],
  ['quantized', QUANTIZED_CELLS],
  ['quantized', PACKING],
  ['prepacked', PREPACKED],
];

const TABLE: ReadonlyMap<string, readonly Overload[]> = collect();

function collect(): Map<string, Overload[]> {
  const table = new Map<string, Overload[]>();
  for (const [namespace, family] of FAMILIES) {
    for (const [source, handler] of Object.entries(family)) {
      const schema = parseSchema(source);
      const name = `${namespace}::${schema.name}`;
      table.set(name, [...(table.get(name) ?? []), { schema, handler }]);
    }
  }
  return table;
}

export interface Found {
  readonly overloads: readonly Overload[];
  /** The first argument is written with the result. */
  readonly inPlace: boolean;
}

/** Overloads of `aten::relu_`; undefined where there are none. The attributes of `prim` stand with `aten`. */
export function findOperator(name: string): Found | undefined {
  const known = name.startsWith('prim::') ? `aten::${name.slice('prim::'.length)}` : name;
  const exact = TABLE.get(known);
  if (exact !== undefined) return { overloads: exact, inPlace: false };
  if (!known.endsWith('_') || known.endsWith('__')) return undefined;
  const overloads = TABLE.get(known.slice(0, -1))?.filter(
    ({ schema }) => schema.params[0]?.type.name === 'Tensor',
  );
  return overloads === undefined || overloads.length === 0 ? undefined : { overloads, inPlace: true };
}

export interface OperatorRow {
  readonly name: string;
  readonly signature: string;
}

/** The table, sorted by name, for `neffc ops`. */
export function torchOperators(): readonly OperatorRow[] {
  return [...TABLE]
    .flatMap(([name, overloads]) => overloads.map(({ schema }) => ({ name, signature: schema.text })))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
