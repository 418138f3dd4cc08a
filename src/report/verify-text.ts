// A verification as text: a row an output, then, where layers were compared, a row for each that matters.
import { shapeText } from '../base/tensor.js';
import { alignTable } from './text.js';

/** How one tensor compares, as driver/compare.ts finds it. */
interface Compared {
  readonly equal: boolean;
  readonly reason?: string;
  readonly maxError: number;
  readonly cosine: number;
  readonly argMaxDiffers?: number;
  readonly differing?: number;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface VerificationFacts {
  readonly equal: boolean;
  readonly precision: string;
  readonly outputs: readonly (Compared & { readonly set: string; readonly output: string })[];
}

export interface LayerFacts {
  readonly layers: readonly (Compared & { readonly node: string; readonly op: string })[];
  readonly first?: { readonly node: string };
  readonly changedByPasses: readonly { readonly output: string; readonly reason: string }[];
}

const number = (value: number): string => (Number.isFinite(value) ? value.toPrecision(4) : '-');

function cells({ equal, maxError, cosine, argMaxDiffers, differing, dtype, shape }: Compared): string[] {
  const rows = argMaxDiffers === undefined ? '-' : argMaxDiffers === 0 ? 'equal' : `${argMaxDiffers} differ`;
  return [
    `${dtype} ${shapeText(shape)}`,
    number(maxError),
    differing === undefined ? cosine.toFixed(7) : `${differing} differ`,
    rows,
    equal ? 'good' : 'WRONG',
  ];
}

const HEAD = ['type', 'max error', 'cosine', 'arg-max', ''];

export function* verifyLines({ equal, precision, outputs }: VerificationFacts): Generator<string> {
  const table = [['set', 'output', ...HEAD], ...outputs.map((o) => [o.set, o.output, ...cells(o)])];
  for (const line of alignTable(table)) yield `${line}\n`;
  const wrong = outputs.filter((o) => !o.equal).length;
  yield equal
    ? `\nall ${outputs.length} outputs agree (${precision})\n`
    : `\n${wrong} of ${outputs.length} outputs depart (${precision})\n`;
}

/** Layers shown where none departs: those with the largest errors. */
const SHOWN = 10;

export function* layerLines({ layers, first, changedByPasses }: LayerFacts): Generator<string> {
  const chosen =
    first === undefined
      ? [...layers].sort((a, b) => b.maxError - a.maxError).slice(0, SHOWN)
      : layers.filter((l) => !l.equal).slice(0, SHOWN);
  const table = [['operator', 'node', ...HEAD], ...chosen.map((l) => [l.op, l.node, ...cells(l)])];
  yield `\n${layers.length} intermediate values compared; ${first === undefined ? 'none departs, largest errors:' : 'those that depart, in the order of execution:'}\n`;
  for (const line of alignTable(table, '  ')) yield `${line}\n`;
  for (const { output, reason } of changedByPasses)
    yield `passes changed output ${output} beyond tolerance: ${reason}\n`;
}
