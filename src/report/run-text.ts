// A request as text: the outputs in brief, then what it cost. Times of the device are modelled.

import { DTYPES } from '../base/dtype.js';
import type { HostTensor } from '../base/tensor.js';
import { elementCount, elementReader, shapeText } from '../base/tensor.js';
import type { RequestMetrics } from '../runtime/request.js';
import { alignTable, sizeText, timeText } from './text.js';

const SHOWN = 8;

function valuesText(t: HostTensor): string {
  const count = elementCount(t.shape);
  const shown = Math.min(count, SHOWN);
  const { kind } = DTYPES[t.dtype];
  if (kind === 'complex') return '';
  const read: (i: number) => unknown =
    kind === 'string' ? (i) => JSON.stringify(t.strings?.[i]) : elementReader(t);
  const one = (i: number): string => {
    const value = read(i);
    return typeof value === 'number' && kind === 'float'
      ? String(Number(value.toPrecision(6)))
      : String(value);
  };
  const text = Array.from({ length: shown }, (_, i) => one(i)).join(' ');
  return count > shown ? `${text} …` : text;
}

/** One line an output: name, type, first values. */
export function outputLines(outputs: ReadonlyMap<string, HostTensor>): string[] {
  const rows = [...outputs].map(([name, t]) => [name, `${t.dtype} ${shapeText(t.shape)}`, valuesText(t)]);
  const widths = [0, 1].map((i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map(
    ([name = '', type = '', values = '']) =>
      `${name.padEnd(widths[0] ?? 0)}  ${type.padEnd(widths[1] ?? 0)}  ${values}\n`,
  );
}

/** What the request cost. */
export function requestLines(
  { latency_ns, executions, host, memory }: RequestMetrics,
  wallMs: number,
  bucket?: string,
): string[] {
  const rows = [
    ...(bucket === undefined ? [] : [['bucket', bucket]]),
    ['modelled latency', timeText(latency_ns)],
    ...executions.map((e) => [`executions of ${e.name}`, `${e.count}`]),
    ['to the device', sizeText(host.to_device_bytes)],
    ['from the device', sizeText(host.from_device_bytes)],
    ...(host.between_steps_bytes === 0
      ? []
      : [['of both, between steps', sizeText(host.between_steps_bytes)]]),
    ['device memory', sizeText(memory.total)],
    ['simulated in', timeText(wallMs * 1e6)],
  ];
  return ['\n', ...alignTable(rows, '  ').map((line) => `${line}\n`)];
}
