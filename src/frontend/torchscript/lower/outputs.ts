// Results of `forward` as outputs of the graph: tensors of nested tuples, lists and dicts in order, and the structure to put
// them back into. Numbers become tensors of rank 0; None and strings stay in the structure.
import type { Value } from '../../../ir/graph.js';
import { scalarDType } from '../aten/promote.js';
import { dequantize } from '../aten/quantized.js';
import { type Item, isConstant } from './items.js';
import type { Lowering } from './lowering.js';

export type OutputStructure =
  | { readonly kind: 'tensor'; readonly index: number }
  /** A Python number, held in an output of rank 0. */
  | { readonly kind: 'number'; readonly index: number }
  | {
      readonly kind: 'tuple' | 'list';
      readonly items: readonly OutputStructure[];
      readonly fields?: readonly string[];
    }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [string, OutputStructure])[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'none' };

export interface Outputs {
  readonly values: readonly Value[];
  readonly names: readonly string[];
  readonly structure: OutputStructure;
}

export function flattenOutputs(c: Lowering, result: Item): Outputs {
  const values: Value[] = [];
  const names: string[] = [];
  const leaf = (name: string, value: Value): number => {
    names.push(name === '' ? 'output' : name);
    return values.push(value) - 1;
  };
  const below = (name: string, key: string, keyed: boolean): string =>
    name === '' ? (keyed ? key : `output.${key}`) : `${name}.${key}`;
  const visit = (item: Item, name: string): OutputStructure => {
    if (item.kind === 'tensor')
      return {
        kind: 'tensor',
        index: leaf(name, item.quantizer === undefined ? c.value(item) : dequantize(c, item)),
      };
    if (isConstant(item) || item.kind === 'dynamic')
      return { kind: 'number', index: leaf(name, c.scalarValue(item, scalarDType(item))) };
    switch (item.kind) {
      case 'none':
        return { kind: 'none' };
      case 'string':
        return { kind: 'string', value: item.value };
      case 'list':
      case 'tuple': {
        const fields = item.kind === 'tuple' ? item.fields : undefined;
        const items = item.items.map((x, i) =>
          visit(x, below(name, fields?.[i] ?? String(i), fields !== undefined)),
        );
        return { kind: item.kind, items, ...(fields && { fields }) };
      }
      case 'dict':
        return {
          kind: 'dict',
          entries: [...item.entries].map(
            ([key, x]) => [String(key), visit(x, below(name, String(key), true))] as const,
          ),
        };
      case 'absent':
        throw c.refuse('E4341', `the model returns a value that is not there: ${item.why}`);
      default:
        throw c.refuse('E4345', `the model returns a ${item.kind}, which cannot be an output`);
    }
  };
  const structure = visit(result, '');
  return { values, names, structure };
}
