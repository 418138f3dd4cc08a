// Code views: instructions of each engine with the source node of each, DMA descriptors with what they cost, and the other way
// round the source nodes with the instructions they became.
import type { Artifact } from '../../artifact/model.js';
import { ENGINES, TICKS_PER_NS } from '../../chip/target.js';
import { disassemble, disassembleDescriptor } from '../../isa/disassemble.js';
import { descriptorTicks, dmaRows } from '../../isa/dma-cost.js';
import type { DmaDescriptor } from '../../isa/operands.js';
import { alignTable, countText } from '../text.js';
import { type CodeFragment, descriptorsOf, fragmentsOf, isFrom, linesOf, originText } from './code-walk.js';
import type { View, ViewOptions } from './view.js';

const title = ({ part, kind, engine }: CodeFragment): string =>
  `${part} ${kind === 'segment' ? '' : `${kind} `}${engine}`;

export const ASM: View = {
  name: 'asm',
  doc: 'instructions of each engine, with the source node of each',
  json: (artifact, options) => ({
    fragments: fragmentsOf(artifact, options.part).map((fragment) => ({
      part: fragment.part,
      fragment: fragment.kind,
      engine: fragment.engine,
      instructions: [...linesOf(artifact, fragment)]
        .filter((line) => isFrom(line.origin, options.node))
        .map(({ index, instruction, origin }) => ({
          index,
          text: disassemble(instruction),
          ...(origin && { node: origin.node }),
        })),
    })),
  }),
  *text(artifact, options) {
    for (const fragment of fragmentsOf(artifact, options.part)) {
      let shown: string | undefined;
      let named = false;
      for (const { index, instruction, origin } of linesOf(artifact, fragment)) {
        if (!isFrom(origin, options.node)) continue;
        if (!named) yield `; ${title(fragment)}\n`;
        named = true;
        const from = origin === undefined ? '' : originText(origin);
        if (from !== shown && from !== '') yield `  ; ${from}\n`;
        shown = from;
        yield `${String(index).padStart(6)}  ${disassemble(instruction)}\n`;
      }
    }
  },
};

interface TransferLine {
  readonly part: string;
  readonly index: number;
  readonly queue: number;
  readonly node: string | undefined;
  readonly descriptor: DmaDescriptor;
}

/** Every descriptor that a trigger names, with the queue and node of the trigger. */
function* transfersOf(artifact: Artifact, options: ViewOptions): Generator<TransferLine> {
  for (const fragment of fragmentsOf(artifact, options.part)) {
    const table = descriptorsOf(artifact, fragment);
    for (const { instruction, origin } of linesOf(artifact, fragment)) {
      if (instruction.m !== 'DMA' || !isFrom(origin, options.node)) continue;
      for (let i = instruction.first; i < instruction.first + instruction.count; i++) {
        const descriptor = table[i];
        if (descriptor !== undefined)
          yield { part: title(fragment), index: i, queue: instruction.queue, node: origin?.node, descriptor };
      }
    }
  }
}

export const DMA: View = {
  name: 'dma',
  doc: 'DMA descriptors with their rows, bytes and efficiency',
  json: (artifact, options) => ({
    transfers: [...transfersOf(artifact, options)].map(({ descriptor, ...rest }) => {
      const { rows, bytes } = dmaRows(descriptor);
      return {
        ...rest,
        rows,
        bytes,
        ns: descriptorTicks(descriptor, options.target) / TICKS_PER_NS,
        text: disassembleDescriptor(descriptor),
      };
    }),
  }),
  *text(artifact, options) {
    let part = '';
    for (const line of transfersOf(artifact, options)) {
      if (line.part !== part) yield `; ${line.part}\n`;
      part = line.part;
      const { rows, bytes } = dmaRows(line.descriptor);
      const ideal = (bytes / options.target.dma.bytesPerSecond) * 1e9;
      const share =
        rows === 0 ? 1 : ideal / (descriptorTicks(line.descriptor, options.target) / TICKS_PER_NS);
      yield `${String(line.index).padStart(6)}  queue ${line.queue}  ${countText(rows)} rows, ${countText(bytes)} bytes, ${Math.round(100 * share)} %  ${disassembleDescriptor(line.descriptor)}${line.node === undefined ? '' : `  ; ${line.node}`}\n`;
    }
  },
};

interface OriginRow {
  readonly node: string;
  readonly op: string;
  readonly file?: string;
  readonly line?: number;
  readonly instructions: Record<string, number>;
}

function originRows(artifact: Artifact, options: ViewOptions): OriginRow[] {
  const rows = artifact.debug.origins.map(
    (o): OriginRow => ({ ...o, instructions: Object.fromEntries(ENGINES.map((e) => [e, 0])) }),
  );
  const parts = new Set(fragmentsOf(artifact, options.part).map((f) => `${f.kind} ${f.index}`));
  for (const { fragment, index, engine, runs } of artifact.debug.streams) {
    if (!parts.has(`${fragment} ${index}`)) continue;
    for (let i = 0; i + 1 < runs.length; i += 2) {
      const counts = rows[runs[i + 1] ?? -1]?.instructions;
      if (counts !== undefined) counts[engine] = (counts[engine] ?? 0) + (runs[i] ?? 0);
    }
  }
  return rows.filter((row) => isFrom(row, options.node));
}

export const ORIGINS: View = {
  name: 'origins',
  doc: 'source nodes and the instructions that each became',
  json: (artifact, options) => ({ origins: originRows(artifact, options) }),
  *text(artifact, options) {
    const table = [
      ['operator', ...ENGINES.map((e) => e.toUpperCase()), 'node'],
      ...originRows(artifact, options).map((row) => [
        row.op,
        ...ENGINES.map((e) => countText(row.instructions[e] ?? 0)),
        originText(row).slice(row.op.length + 1),
      ]),
    ];
    for (const line of alignTable(table)) yield `${line}\n`;
  },
};
